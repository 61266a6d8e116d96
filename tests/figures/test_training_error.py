"""Training error alone, and the figure that a notebook redraws while nets train."""

import io
from dataclasses import replace
from typing import Any

import IPython.display
import pytest
from conftest import make_run
from IPython.core.formatters import DisplayFormatter
from made_up import with_model, xs, ys
from matplotlib.figure import Figure
from PIL import Image

from resnet_repro.errors import RunError
from resnet_repro.figures import STYLES, LiveCurves, draw_training_error
from resnet_repro.figures.colours import DEPTH_COLOURS, RESIDUAL_COLOUR, ink
from resnet_repro.figures.style import keep_style
from resnet_repro.figures.training_error import WAITING

RUNS = [make_run(20), make_run(56, seed=0), make_run(56, "identity")]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if "%" in text.get_text() or "diverged" in text.get_text()]


def test_each_net_has_one_line_which_is_its_training_error_named_at_its_end() -> None:
    figure = draw_training_error(RUNS)
    [axes] = figure.axes
    assert [label.partition(":")[0] for label in labels(figure)] == ["plain-20", "plain-56", "ResNet-56"]
    lines = [line for line in axes.lines if len(xs(line)) == len(RUNS[0].rows)]
    assert [ys(line) for line in lines[-3:]] == [[row.train_error_pct for row in run.rows] for run in RUNS]
    assert axes.get_xlim() == (0, 400)
    assert axes.get_ylim() == (0, 100)
    assert "CIFAR-10 · 400 steps of 64" in figure.get_suptitle()


def test_a_run_that_has_just_begun_is_a_dot_and_one_that_diverged_says_so() -> None:
    begun = replace(RUNS[0], rows=RUNS[0].rows[:1], summary={})
    diverged = replace(RUNS[1], summary={"status": "diverged", "steps": 400})
    figure = draw_training_error([begun, diverged])
    assert any(line.get_marker() == "o" for line in figure.axes[0].lines)
    assert "plain-56: diverged" in labels(figure)


def test_nets_without_bn_and_large_letters_have_room() -> None:
    figure = draw_training_error([*RUNS, with_model(RUNS[0], normalization="none")], STYLES["slides"])
    figure.draw_without_rendering()
    assert all(float(text.get_fontsize()) >= 12 for text in figure.axes[0].texts)


def test_runs_of_two_schedules_are_refused_with_what_they_are() -> None:
    with pytest.raises(RunError, match=r"one schedule, and was given CIFAR-10 · 400 steps of 64; CIFAR-10 · 800 steps"):
        draw_training_error([RUNS[0], make_run(20, steps=800)])
    with pytest.raises(RunError, match="was given no run"):
        draw_training_error([])


def colours(figure: Figure) -> dict[str, str]:
    """The colour of each net's label, which is that of its line as ink."""
    found = [text for text in figure.axes[0].texts if "%" in text.get_text()]
    assert {text.get_color() for text in found} <= {ink(str(line.get_color())) for line in figure.axes[0].lines}
    return {text.get_text().partition(":")[0]: str(text.get_color()) for text in found}


def test_a_net_keeps_its_colour_from_figure_to_figure_and_no_two_share_one() -> None:
    without_bn = with_model(RUNS[0], normalization="none")
    half = with_model(RUNS[2], shortcut="scaled", shortcut_scale=0.5, branch_scale=1)
    before = colours(draw_training_error(RUNS))
    assert len(set(before.values())) == 3
    for others in ([without_bn, RUNS[0]], [half, RUNS[2]], [half, without_bn, *RUNS]):
        beside = colours(draw_training_error(others))
        assert len(set(beside.values())) == len(beside) == len(others)
        assert all(beside[name] == before[name] for name in beside if name in before)
    assert before["plain-20"] == ink(DEPTH_COLOURS[20])
    assert before["ResNet-56"] == ink(RESIDUAL_COLOUR)


def test_where_pyplot_was_imported_too_a_notebook_shows_the_picture_in_our_style() -> None:
    figure = draw_training_error([make_run(20, train_error=70.0), RUNS[2]])  # apart
    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, lambda _: b"as pyplot draws it")
    keep_style(formatter)
    bundle, _ = formatter.format(figure)
    picture = Image.open(io.BytesIO(bundle["image/png"]))
    assert picture.mode == "P"  # few colours, so that a notebook with many figures stays small
    assert picture.width == round(110 * figure.get_figwidth())
    colours = {colour for _, colour in picture.convert("RGB").getcolors() or ()}
    assert {(0, 0x72, 0xB2), (0xE6, 0x9F, 0)} <= colours  # thin lines keep theirs


def test_a_notebook_shows_one_figure_and_redraws_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    class Handle:
        update = shown.append

    def display(figure: Figure, *, display_id: bool) -> type[Handle]:
        shown.append(figure)
        return Handle

    monkeypatch.setattr(IPython.display, "display", display)
    curves = LiveCurves()
    curves([])  # a training begins
    curves(RUNS[:1])
    curves(RUNS)
    curves([*RUNS, make_run(20, steps=800)])
    assert "takes runs of one data set and one schedule" in shown.pop().data
    assert shown[0].data == WAITING
    assert [len(labels(figure)) for figure in shown[1:]] == [1, 3]
