"""The captions of the figures."""

import pytest
from conftest import make_run
from made_up import everything, group_of, papers_run

from resnet_repro.figures import FIGURES, draw_figures
from resnet_repro.record.run import Run


def caption(*runs: Run, family: str = "curves") -> str:
    group = group_of(*runs)
    return FIGURES[family].caption(group).text(group.condition)


def test_every_figure_has_sentences_conditions_and_runs() -> None:
    for drawn in draw_figures(everything()):
        text = drawn.caption.text(drawn.group.condition)
        sentences, conditions, runs = text.strip().split("\n\n")
        assert sentences.startswith(drawn.caption.shows)
        assert drawn.caption.shows.endswith(".")
        assert conditions.startswith("Data: the true CIFAR-10, recognised by its digest")
        assert "400 steps of 64 images (a short schedule; the paper's has 64,000 steps)" in conditions
        assert "Device: CPU." in conditions
        assert runs.startswith("Runs: ")


def test_a_caption_names_the_runs_that_its_figure_shows() -> None:
    texts = {drawn.family: drawn.caption.text(drawn.group.condition) for drawn in draw_figures(everything())}
    assert "plain-20 (none20, seeds 0 and 1); plain-56 (none56, seed 0)" in texts["degradation"]
    assert "without BN" not in texts["degradation"]
    assert "Runs: ResNet-20 (identity20, seed 0).\n" in texts["branch-ratios"]
    assert "Runs: plain-20 (none20, seeds 0 and 1); plain-20 without BN (none20, seed 0)." in texts["batch-norm"]
    assert "learning rate 0.01 or 0.02" in texts["batch-norm"]
    assert "learning rate 0.02," in texts["branch-ratios"]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [((3,), "seed 3"), ((0, 1), "seeds 0 and 1"), ((0, 1, 2), "seeds 0 to 2"), ((0, 2, 5), "seeds 0, 2 and 5")],
)
def test_seeds_are_listed_briefly(seeds: tuple[int, ...], said: str) -> None:
    assert f"(none20, {said})." in caption(*(make_run(20, seed=seed) for seed in seeds))


def test_a_caption_lists_runs_that_diverged_or_have_not_finished() -> None:
    text = caption(make_run(20), make_run(56, status="diverged"), make_run(110, status="interrupted"))
    assert "Diverged: none56/seed-0 at step 201. Not finished: none110/seed-0 at step 200 of 400." in text
    assert "A cross marks where a run diverged" in text
    assert "iverged" not in caption(make_run(20))


def test_a_caption_names_data_other_than_the_true_cifar_10() -> None:
    assert "Data: synthetic shapes; this is not the true CIFAR-10, with" in caption(make_run(data="synthetic shapes"))


def test_bands_and_published_values_are_explained_if_they_are_drawn() -> None:
    assert "bands one standard deviation" not in caption(make_run(20))
    assert "bands one standard deviation" in caption(make_run(20), make_run(20, seed=1))
    assert "published" not in caption(make_run(20))
    assert "published final errors" in caption(papers_run(20))
    assert "(the paper's schedule)" in caption(papers_run(20))
    assert "published values" in caption(papers_run(20), papers_run(56), family="degradation")
