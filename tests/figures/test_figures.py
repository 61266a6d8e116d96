"""What the figures show: means and bands, divergence, the papers' values, and notes on clipped values."""

import itertools
from dataclasses import replace

import pytest
from conftest import make_run
from hypothesis import given
from hypothesis import strategies as st
from made_up import group_of, xs

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.figures import draw_figures
from resnet_repro.figures.curve_lines import mean_curve
from resnet_repro.figures.curves import caption_curves, draw_curves
from resnet_repro.figures.degradation import draw_degradation
from resnet_repro.figures.labels import spread
from resnet_repro.figures.style import DEPTH_COLOURS
from resnet_repro.record.run import Run

FOUR = [make_run(20), make_run(56), make_run(20, "identity"), make_run(56, "identity")]


def test_each_group_has_its_figures() -> None:
    names = [drawn.name for drawn in draw_figures([*FOUR, make_run(data="synthetic shapes")])]
    assert names == [
        "curves-cifar-10-400x64",
        "degradation-cifar-10-400x64",
        "curves-synthetic-shapes-400x64",
    ]


def test_plain_nets_are_left_and_residual_nets_right_on_one_scale() -> None:
    left, right = draw_curves(comparable_groups(FOUR)[0]).axes
    assert left.get_title("left") == "plain nets, by depth"
    assert right.get_title("left") == "residual nets, by depth"
    assert left.get_ylim() == right.get_ylim()
    for axes in (left, right):
        lines = [line for line in axes.lines if xs(line) == [200, 400]]
        assert [(line.get_color(), line.get_linestyle()) for line in lines] == [
            (DEPTH_COLOURS[20], "--"), (DEPTH_COLOURS[20], "-"), (DEPTH_COLOURS[56], "--"), (DEPTH_COLOURS[56], "-"),
        ]  # fmt: skip


def test_a_curve_is_the_mean_over_seeds_at_the_steps_that_all_have() -> None:
    runs = [make_run(seed=0, test_error=60.0), make_run(seed=1, test_error=64.0)]
    assert mean_curve(runs, "test_error_pct") == [(200, 90.0, 0.0), (400, 62.0, pytest.approx(8**0.5))]
    assert mean_curve([*runs, make_run(seed=2, status="interrupted")], "train_error_pct") == [(200, 90.0, 0.0)]
    assert mean_curve([], "train_error_pct") == []


@pytest.mark.parametrize(("rows", "marker"), [(2, "None"), (1, "o")])
def test_a_test_error_that_is_measured_once_is_a_dot_in_the_legend_too(rows: int, marker: str) -> None:
    first, last = make_run().rows
    group = group_of(replace(make_run(), rows=(replace(first, test_error_pct=None if rows == 1 else 90.0), last)))
    figure = draw_curves(group)
    _, of_test = figure.legends[0].legend_handles
    assert of_test is not None
    assert of_test.get_marker() == marker  # type: ignore[attr-defined]
    assert ("dots test error" in caption_curves(group).text(group.condition)) == (rows == 1)


def test_a_diverged_run_is_marked_where_it_ended() -> None:
    left, _ = draw_curves(comparable_groups([make_run(status="diverged")])[0]).axes
    crosses = [line for line in left.lines if line.get_marker() == "X"]
    assert [xs(cross)[0] for cross in crosses] == [201.0]
    assert any("diverged at 201" in text.get_text() for text in left.texts)


def test_the_axis_label_mentions_values_outside() -> None:
    low = comparable_groups([make_run(train_error=5.0, test_error=8.0)])[0]
    left, right = draw_curves(low).axes
    assert left.get_ylim() == (0.0, 20.0)
    assert left.get_xlabel() == "iterations (errors above 20 % are outside)"
    assert right.get_xlabel() == "iterations"
    full = draw_curves(comparable_groups(FOUR)[0]).axes[0]
    assert full.get_ylim() == (0.0, 100.0)
    assert full.get_xlabel() == "iterations"


def test_the_title_names_data_schedule_device_and_seeds() -> None:
    title = draw_curves(comparable_groups(FOUR)[0]).get_suptitle()
    for part in ("CIFAR-10", "400 steps of 64 (short", "learning rate 0.02", "CPU", "1 seed per net"):
        assert part in title


def test_the_papers_values_are_drawn_only_beside_runs_of_its_schedule() -> None:
    def labels(runs: list[Run]) -> list[str]:
        figure = draw_degradation(comparable_groups(runs)[0])
        assert figure is not None
        return [str(line.get_label()) for axes in figure.axes for line in axes.lines]

    assert "plain, published" not in labels(FOUR)
    paper = [make_run(depth, steps=64_000, batch_size=128) for depth in (20, 56)]
    assert "plain, published" in labels(paper)


def test_there_is_no_degradation_figure_of_a_single_depth() -> None:
    assert draw_degradation(comparable_groups([make_run(20), make_run(20, "identity")])[0]) is None


@given(
    heights=st.lists(st.floats(0, 100), max_size=12),
    gap=st.floats(0.5, 8),
)
def test_labels_are_spread_in_order_without_overlap(heights: list[float], gap: float) -> None:
    places = spread(heights, gap, 0, 100)
    ordered = [place for _, place in sorted(zip(heights, places, strict=True))]
    assert all(above - below >= gap - 1e-6 for below, above in itertools.pairwise(ordered))
    if len(heights) == 1:
        assert places == heights


def test_an_unfinished_run_fills_the_axis_and_its_label_names_the_step() -> None:
    left, _ = draw_curves(comparable_groups([make_run(status="interrupted")])[0]).axes
    assert left.get_xlim() == (0.0, 200.0)
    assert [text.get_text() for text in left.texts] == ["20: 90.0 % at step 200"]
    assert [line.get_marker() for line in left.lines] == ["o"]
