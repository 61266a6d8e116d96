"""Figures that compare several ways of training a net, or our runs with another reproduction."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_run
from made_up import drawn, group_of, he, tenth, with_model, xs, ys
from matplotlib.collections import LineCollection

from resnet_repro.figures.classifier import caption_classifier, draw_classifier
from resnet_repro.figures.reproductions import caption_reproductions, draw_reproductions
from resnet_repro.figures.style import STYLES, Style
from resnet_repro.papers.public_reproductions import REPRODUCTIONS
from resnet_repro.record.run import Run


def test_nets_with_several_initialisations_of_the_classifier_get_a_panel_each() -> None:
    group = group_of(make_run(20), he(make_run(20)), he(make_run(20, seed=1)), make_run(56), make_run(56, "identity"),
                     he(make_run(56, "identity")))  # fmt: skip
    figure = drawn(draw_classifier(group))
    assert [axes.get_title("left") for axes in figure.axes] == ["plain-20", "ResNet-56"]
    for axes in figure.axes:
        assert sorted(text.get_text() for text in axes.texts) == ["He's rule", "authors' code"]
        looks = {line.get_linestyle(): line.get_color() for line in axes.lines}
        assert looks.keys() == {"-", "--"}
    caption = caption_classifier(group)
    assert [entry.name for entry in caption.entries] == [
        "plain-20", "plain-20 (He classifier)", "ResNet-56", "ResNet-56 (He classifier)"]  # fmt: skip
    assert "means over the seeds" in caption.reading
    assert draw_classifier(group_of(make_run(20), he(make_run(56)))) is None


def test_a_net_that_was_trained_in_two_ways_has_a_panel_for_each() -> None:
    group = group_of(*(kind(make_run(20, learning_rate=rate)) for rate in (0.05, 0.1) for kind in (with_model, he)))
    titles = [axes.get_title("left").replace("\n", " ") for axes in drawn(draw_classifier(group)).axes]
    assert titles == ["plain-20, learning rate 0.05", "plain-20, learning rate 0.1"]


def test_nets_that_differ_in_anything_else_are_not_compared() -> None:
    assert draw_classifier(group_of(make_run(20), he(make_run(20, learning_rate=0.1)))) is None
    assert draw_classifier(group_of(make_run(20), with_model(make_run(20), normalization="none"))) is None


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_the_other_reproduction_is_drawn_below_ours_over_its_epochs(style: Style) -> None:
    group = group_of(tenth(20), tenth(20, seed=1, error=52.0), he(tenth(20)), tenth(32, "identity"), tenth(56))
    figure = drawn(draw_reproductions(group, style))
    assert [axes.get_title("left") for axes in figure.axes] == ["plain-20", "plain-56"]  # which has no ResNet-32
    theirs, *ours = figure.axes[0].lines
    assert ys(theirs) == list(REPRODUCTIONS[0].test_error_pct["plain20"])
    assert {tuple(ys(line)[:2]) for line in ours} == {(52.0, 53.0), (51.0, 52.0)}  # mean of seeds, and He's
    assert max(xs(ours[0])) == pytest.approx(8, abs=0.05)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split(",")[0] for text in texts] == ["a-martyn/resnet", "ours", "ours"]
    assert "https://github.com/a-martyn/resnet" in caption_reproductions(group).reading


@pytest.mark.parametrize(
    "run",
    [
        tenth(20, learning_rate=0.02),
        tenth(20, batch_size=64),
        tenth(20, warmup={"learning_rate": 0.01, "steps": 400}),
        tenth(20, milestones=(2000,)),
        with_model(tenth(20), normalization="none"),
        with_model(tenth(20), classifier_initialization="zero"),
        replace(tenth(20), rows=tenth(20).rows[9:]),  # tested for the first time after the epochs of the other
        make_run(20, data="synthetic shapes", steps=6400, batch_size=128, learning_rate=0.1),
    ],
)
def test_runs_of_another_recipe_are_not_compared_with_the_other_reproduction(run: Run) -> None:
    assert draw_reproductions(group_of(run)) is None


def test_unfinished_runs_are_drawn_as_far_as_they_are() -> None:
    begun = tenth(20)
    group = group_of(replace(begun, rows=begun.rows[:1], summary={}), replace(tenth(56), rows=(), summary={}))
    figure = drawn(draw_reproductions(group))
    assert [axes.get_title("left") for axes in figure.axes] == ["plain-20"]
    assert figure.axes[0].lines[1].get_marker() == "o"


def test_each_of_several_seeds_has_a_thin_line_beside_their_mean() -> None:
    runs = [he(make_run(20)), *(make_run(20, seed=seed, train_error=50.0 + seed) for seed in (0, 1))]
    [axes] = drawn(draw_classifier(group_of(*runs))).axes
    [seeds] = [found for found in axes.collections if isinstance(found, LineCollection)]
    assert [np.asarray(path.vertices).tolist() for path in seeds.get_paths()] == [
        [[200, 90], [400, end]] for end in (50, 51)
    ]
    mean = next(line for line in axes.lines if line.get_linestyle() == "-")
    assert ys(mean) == [90, 50.5]
    assert "each of which has a thin line" in caption_classifier(group_of(*runs)).reading
