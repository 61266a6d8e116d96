"""The curves of compared nets, laid over each other."""

import re
from dataclasses import replace

from conftest import make_run
from made_up import EPOCH, he, tenth
from matplotlib.figure import Figure

from resnet_repro.analysis.comparison import compare
from resnet_repro.figures import draw_comparison
from resnet_repro.figures.comparison import caption_comparison
from resnet_repro.figures.readout import net_of
from resnet_repro.figures.style import STYLES
from resnet_repro.record.run import Run

BASE = [tenth(20, seed=seed, error=40.0 + seed) for seed in (0, 1)]


def named(name: str, runs: list[Run]) -> list[Run]:
    return [replace(run, experiment=run.experiment.model_copy(update={"name": name})) for run in runs]


def texts(figure: Figure) -> tuple[str, list[str], list[str]]:
    """The title, the labels at the ends of the lines, and those of the legend."""
    title = figure.get_suptitle().replace("$\\bf{", "").replace("}$", "")
    ends = [text.get_text() for text in figure.axes[0].texts if "%" in text.get_text()]
    return title, ends, [text.get_text() for text in figure.legends[0].get_texts()]


def test_curves_are_told_apart_by_what_differs() -> None:
    found = compare([*named("base", BASE), *named("other", [he(run) for run in BASE])], base="base")
    title, ends, legend = texts(draw_comparison(found))
    assert title.split("\n")[1:3] == ["other against base", "CIFAR-10 · 6400 steps of 128 (short: the paper's schedule "
                                      "has 64000)"]  # fmt: skip
    assert sorted(ends) == [
        "classifier initialization he: 60.0 %", "classifier initialization uniform: 60.0 %",
    ]  # fmt: skip
    assert legend[:2] == ["base: classifier initialization uniform", "other: classifier initialization he"]
    assert "± one standard deviation over seeds" in legend


def test_nets_that_differ_in_much_go_by_their_names_and_have_colours_of_their_own() -> None:
    runs = [*named("base", BASE), *named("other", [tenth(56, "identity", seed, learning_rate=0.2) for seed in (0, 1)])]
    figure = draw_comparison(compare(runs, base="base"))
    assert sorted(texts(figure)[1]) == ["base: 60.0 %", "other: 60.0 %"]
    lines = {net_of(line): line.get_color() for line in figure.axes[0].lines if net_of(line)}
    assert len(set(lines.values())) == len(lines) == 2


def test_schedules_of_different_length_are_drawn_in_one_panel_without_the_drops_of_either() -> None:
    short = [make_run(20, seed=seed, name="short", test_error=60.0 + seed) for seed in (0, 1)]
    found = compare([*named("base", BASE), *short], base="base")
    figure = draw_comparison(found)
    assert figure.axes[0].get_xlim() == (0, 6400)
    assert "short: CIFAR-10 · 400 steps of 64" in texts(figure)[0].replace("\n", " ")
    assert not [text for text in figure.axes[0].texts if "rate" in text.get_text()]
    caption = caption_comparison(found)
    assert "Test error of short: " in caption
    assert "base: Data: the true CIFAR-10" in caption
    assert re.findall(r"Schedule: (\S+) steps of (\d+) images", caption) == [("6,400", "128"), ("400", "64")]


def test_many_nets_with_diverged_and_unfinished_runs_and_many_schedules_have_room() -> None:
    many = [run for place in range(12) for run in named(f"a_{place}$", [tenth(20, learning_rate=0.2 + place)])]
    diverged = replace(BASE[1], summary={"status": "diverged", "steps": 3 * EPOCH})
    begun = replace(make_run(20, name="begun", steps=6400, batch_size=128, status="interrupted"), rows=())
    runs = [*named("base", [BASE[0], diverged]), *many, begun]
    sizes = [run for place in range(6) for run in named(f"size-{place}", [tenth(20, batch_size=129 + place)])]
    assert len(texts(draw_comparison(compare(runs, base="base"), STYLES["paper"]))[1]) == 13
    found = compare([*BASE, *sizes], base=BASE[0].experiment.name)
    assert texts(draw_comparison(found, STYLES["slides"]))[0].count("size-") == 6


def test_a_figure_shows_itself_in_a_notebook() -> None:
    found = compare([*named("base", BASE), *named("other", [he(run) for run in BASE])], base="base")
    assert draw_comparison(found, STYLES["slides"])._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
