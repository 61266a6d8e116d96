"""What the figures show: means and bands, divergence, the papers' values, and notes on clipped values."""

import itertools
from dataclasses import replace

import pytest
from conftest import make_run
from constructed import grown_run
from hypothesis import given
from hypothesis import strategies as st
from made_up import group_of, with_model, xs

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.figures import draw_figures
from resnet_repro.figures.colours import DEPTH_COLOURS
from resnet_repro.figures.curve_lines import mean_curve
from resnet_repro.figures.curves import caption_curves, draw_curves
from resnet_repro.figures.degradation import caption_degradation, draw_degradation
from resnet_repro.figures.labels import spread
from resnet_repro.record.run import Run

FOUR = [make_run(20), make_run(56), make_run(20, "identity"), make_run(56, "identity")]


def test_each_group_has_its_figures() -> None:
    names = [drawn.name for drawn in draw_figures([*FOUR, make_run(data="synthetic shapes")])]
    assert names == [
        "curves-cifar-10-400x64",
        "degradation-cifar-10-400x64",
        "curves-synthetic-shapes-400x64",
    ]


def test_a_grown_net_that_has_only_its_errors_before_any_step_has_the_axis_of_its_schedule() -> None:
    begun = grown_run(0)
    group = group_of(replace(begun, rows=begun.rows[:1], summary={}))
    assert draw_curves(group).axes[0].get_xlim() == (0, 400)


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


@pytest.mark.parametrize(("rows", "markers"), [(2, ["None", "None"]), (1, ["o", "o"])])
def test_errors_that_are_measured_once_are_dots_also_in_the_legend(rows: int, markers: list[str]) -> None:
    group = group_of(*(replace(run, rows=run.rows[-rows:]) for run in (make_run(), make_run(seed=1, test_error=70.0))))
    figure = draw_curves(group)
    found = [handle.get_marker() for handle in figure.legends[0].legend_handles[:2]]  # type: ignore[union-attr]
    assert found == markers
    assert ("Small open dots are training error, dots test error" in caption_curves(group).text(group.condition)) == (
        rows == 1
    )
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [(line.get_clip_on(), xs(line)) for line in dots] == [(False, [400.0])] * (2 if rows == 1 else 0)


def test_a_test_error_that_is_measured_once_is_a_dot_beside_a_line_of_training_error() -> None:
    first, last = make_run().rows
    group = group_of(replace(make_run(), rows=(replace(first, test_error_pct=None), last)))
    found = [handle.get_marker() for handle in draw_curves(group).legends[0].legend_handles]  # type: ignore[union-attr]
    assert found == ["None", "o"]


def test_a_diverged_run_is_marked_where_it_ended() -> None:
    [left] = draw_curves(comparable_groups([make_run(status="diverged")])[0]).axes
    crosses = [line for line in left.lines if line.get_marker() == "X"]
    assert [xs(cross)[0] for cross in crosses] == [201.0]
    assert any("diverged at 201" in text.get_text() for text in left.texts)


def test_the_axis_label_mentions_values_outside() -> None:
    runs = [make_run(train_error=5.0, test_error=8.0), make_run(20, "identity", train_error=5.0, test_error=8.0)]
    runs[1] = replace(runs[1], rows=runs[1].rows[1:])
    left, right = draw_curves(group_of(*runs)).axes
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


def test_nets_of_ones_own_that_differ_in_depth_alone_have_a_degradation_figure() -> None:
    def mine(depth: int, kind: str, **fields: object) -> Run:
        return with_model(make_run(depth, kind, train_error=88.0 + depth / 10, test_error=90.0), width=4, **fields)

    runs = [mine(depth, kind) for depth in (8, 14) for kind in ("none", "identity")]
    gated = [mine(depth, "identity", shortcut="exclusive_gate", gate_bias=-3.0) for depth in (8, 14)]
    wide = [with_model(make_run(8), width=8)]
    figure = draw_degradation(group_of(*runs, *gated, *wide))
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "plain (width 4)", "residual (width 4)", "residual (exclusive gate, bias -3, width 4)"]  # fmt: skip
    assert figure.axes[0].get_ylim()[0] > 40  # and the axis fits them
    said = caption_degradation(group_of(*runs, *gated, *wide)).text(group_of(*runs).condition)
    assert "Circles are plain (width 4) nets, squares residual (width 4) nets, triangles residual (exclusive" in said


def test_nets_trained_at_other_rates_are_no_line_of_the_degradation_figure() -> None:
    assert draw_degradation(group_of(make_run(20), make_run(56, learning_rate=0.01))) is None
    rates = [make_run(depth, learning_rate=rate) for depth in (20, 56) for rate in (0.01, 0.1)]
    figure = draw_degradation(group_of(*rates))
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "plain, learning rate 0.01", "plain, learning rate 0.1"]  # fmt: skip


def test_only_kinds_of_nets_that_were_run_have_a_panel() -> None:
    for kind, title in (("none", "plain nets, by depth"), ("identity", "residual nets, by depth")):
        [axes] = draw_curves(group_of(make_run(20, kind), make_run(56, kind))).axes
        assert axes.get_title("left") == title


def test_the_title_of_a_panel_says_what_all_its_nets_share_and_their_labels_what_not() -> None:
    def said(*runs: Run) -> tuple[str, list[str]]:
        [axes] = draw_curves(group_of(*runs)).axes
        return axes.get_title("left"), [text.get_text().split(":")[0] for text in axes.texts if "%" in text.get_text()]

    narrow = [with_model(make_run(depth), width=4) for depth in (8, 14)]
    assert said(*narrow) == ("plain nets (width 4), by depth", ["8", "14"])
    assert said(narrow[0], make_run(20)) == ("plain nets, by depth", ["8 (width 4)", "20"])
    rates = [make_run(name=f"mine-{rate}", learning_rate=rate) for rate in (0.1, 0.5)]
    assert said(*rates) == ("plain-20", ["mine-0.1", "mine-0.5"])


@pytest.mark.parametrize(
    ("early", "train", "test", "limits"),
    [
        (92.0, 88.0, 90.5, (87.0, 93.0)),  # where an axis from 0 would show one line
        (60.0, 0.5, 0.9, (0.0, 2.5)),
        (0.52, 0.5, 0.5, (0.495, 0.525)),
        (81.0, 54.0, 54.0, (0.0, 100.0)),
        (100.0, 99.5, 100.0, (95.0, 100.0)),
        (0.0, 0.0, 0.0, (0.0, 100.0)),
        (40.0, 0.0, 0.0, (0.0, 100.0)),
    ],
)
def test_the_error_axis_fits_errors_of_half_a_percent_and_of_ninety(
    early: float, train: float, test: float, limits: tuple[float, float]
) -> None:
    first, last = make_run(train_error=train, test_error=test).rows
    run = replace(make_run(), rows=(replace(first, train_error_pct=early, test_error_pct=early), last))
    assert draw_curves(group_of(run)).axes[0].get_ylim() == pytest.approx(limits)
    said = caption_curves(group_of(run)).text(group_of(run).condition)
    assert ("The error axis does not begin at 0." in said) == (limits[0] > 0)


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
    [left] = draw_curves(comparable_groups([make_run(status="interrupted")])[0]).axes
    assert left.get_xlim() == (0.0, 200.0)
    assert [text.get_text() for text in left.texts] == ["20: 90.0 % at step 200"]
    assert [line.get_marker() for line in left.lines] == ["o"]
