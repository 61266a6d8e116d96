"""The figures of probes, on made-up values."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_run
from made_up import drawn, group_of, with_model, with_probes, xs, ys

from resnet_repro.figures import FIGURES, draw_figures
from resnet_repro.figures.batch_norm import draw_batch_norm
from resnet_repro.figures.branch_ratios import draw_branch_ratios
from resnet_repro.figures.colours import DEPTH_COLOURS, STEP_COLOURS, entry_styles
from resnet_repro.figures.curves import draw_curves
from resnet_repro.figures.gradient_norms import caption_gradient_norms, draw_gradient_norms
from resnet_repro.figures.layer_responses import draw_layer_responses
from resnet_repro.figures.percentile_drift import draw_percentile_drift, drift
from resnet_repro.figures.probed import probed, spread_steps


def test_runs_without_probes_have_no_figures_of_them() -> None:
    assert [drawn.name for drawn in draw_figures([make_run(20), make_run(20, "identity")])] == [
        "curves-cifar-10-400x64"
    ]
    assert len(FIGURES) == 10


def test_layer_responses_are_those_of_the_last_step_by_layer_and_sorted() -> None:
    rows = [(1, "layer_response", "a", "std", 9.0), (400, "layer_response", "a", "std", 1.0),
            (400, "layer_response", "b", "std", 3.0), (400, "layer_response", "c", "std", 2.0)]  # fmt: skip
    figure = drawn(draw_layer_responses(group_of(with_probes(make_run(20), rows))))
    by_layer, by_size = (ys(axes.lines[0]) for axes in figure.axes)
    assert (by_layer, by_size) == ([1.0, 3.0, 2.0], [3.0, 2.0, 1.0])
    assert figure.axes[0].lines[0].get_label() == "plain-20: median 2.00"
    assert figure.axes[0].get_yscale() == "linear"


def test_layers_are_counted_by_whole_numbers() -> None:
    rows = [(400, probe, f"layer{number}", "std", 1.0 + number)
            for probe in ("layer_response", "gradient_norm") for number in range(19)]  # fmt: skip
    group = group_of(with_probes(make_run(20), rows))
    for figure in (drawn(draw_layer_responses(group)), drawn(draw_gradient_norms(group))):
        assert all(tick == round(tick) for axes in figure.axes for tick in axes.get_xticks())


def test_layer_responses_are_means_over_seeds_and_logarithmic_if_they_differ_much() -> None:
    runs = [with_probes(make_run(20, seed=seed), [(400, "layer_response", "a", "std", value),
                                                  (400, "layer_response", "b", "std", 100 * value)])
            for seed, value in enumerate((1.0, 3.0))]  # fmt: skip
    axes = drawn(draw_layer_responses(group_of(*runs))).axes[0]
    assert ys(axes.lines[0]) == [2.0, 200.0]
    assert axes.get_yscale() == "log"


def test_gradient_norms_have_a_panel_for_each_net_and_a_line_for_each_step() -> None:
    def rows(scale: float) -> list[tuple[int, str, str, str, float]]:
        return [(step, "gradient_norm", layer, "norm", scale * step)
                for step in (1, 400) for layer in ("stem.conv1", "stage2.0.shortcut.h.conv1", "head")]  # fmt: skip

    runs = with_probes(make_run(20), rows(1.0)), with_probes(make_run(20, "identity"), rows(2.0))
    figure = drawn(draw_gradient_norms(group_of(*runs)))
    assert [axes.get_title("left") for axes in figure.axes] == ["plain-20", "ResNet-20"]
    assert [ys(line) for line in figure.axes[1].lines] == [[2.0, 2.0], [800.0, 800.0]]
    assert [line.get_color() for line in figure.axes[1].lines] == list(STEP_COLOURS[:2])
    assert figure.axes[0].get_yscale() == "log"


def test_gradients_of_exactly_zero_are_left_out_and_the_caption_says_so() -> None:
    layers = {"stem.conv1": 0.0, "stage1.0.conv1": 3.0, "head": 1.0}
    rows = [(1, "gradient_norm", name, "norm", norm) for name, norm in layers.items()]
    some, none = (group_of(with_probes(make_run(20), chosen)) for chosen in (rows, rows[1:]))
    [line] = drawn(draw_gradient_norms(some)).axes[0].lines
    first, *others = ys(line)
    assert np.isnan(first)
    assert others == [3.0, 1.0]
    assert "Norms of exactly zero" in caption_gradient_norms(some).reading
    assert "zero" not in caption_gradient_norms(none).reading


def test_means_are_over_the_steps_that_all_seeds_have_measured() -> None:
    runs = [with_probes(make_run(20, seed=seed), [(step, "layer_response", "a", "std", 1.0 + seed) for step in steps])
            for seed, steps in enumerate(((1, 200, 400), (1, 200)))]  # fmt: skip
    found = probed(group_of(*runs, make_run(20, seed=2)), "layer_response")
    assert list(found.values()) == [{1: {("a", "std"): 1.5}, 200: {("a", "std"): 1.5}}]


def test_gradients_of_several_seeds_are_averaged_on_the_scale_on_which_they_are_drawn() -> None:
    runs = [with_probes(make_run(20, seed=seed), [(1, "gradient_norm", "stem.conv1", "norm", norm),
                                                  (1, "gradient_norm", "head", "norm", 0.0 if seed else 1.0)])
            for seed, norm in enumerate((0.01, 100.0))]  # fmt: skip
    group = group_of(*runs)
    first, last = ys(drawn(draw_gradient_norms(group)).axes[0].lines[0])
    assert first == pytest.approx(1.0)
    assert np.isnan(last)
    assert "geometric means over the seeds" in caption_gradient_norms(group).reading


def test_steps_are_the_first_the_last_and_some_between() -> None:
    assert spread_steps([1, 50, 400]) == [1, 50, 400]
    assert spread_steps(list(range(9))) == [0, 2, 4, 6, 8]
    assert len(spread_steps(list(range(100)))) == 5


def test_percentiles_are_drawn_at_the_steps_that_have_all_three() -> None:
    rows = [(step, "input_percentiles", "deep.act1", name, value)
            for step, values in ((1, (-1.0, 0.0, 1.0)), (400, (-1.0, 2.0, 3.0)))
            for name, value in zip(("p15", "p50", "p85"), values, strict=True)]  # fmt: skip
    broken = (200, "input_percentiles", "deep.act1", "p15", 5.0)
    axes = drawn(draw_percentile_drift(group_of(with_probes(make_run(20), [*rows, broken])))).axes[0]
    assert [xs(line) for line in axes.lines] == [[1, 400]] * 3
    assert [ys(line) for line in axes.lines] == [[1.0, 3.0], [0.0, 2.0], [-1.0, -1.0]]
    assert axes.get_ylabel() == "deep.act1,\nmap 0"
    assert axes.get_xlabel() == "iterations\n(median moves by 0.67 spreads)"


def test_drift_is_the_range_of_the_median_in_mean_spreads() -> None:
    def at(low: float, median: float, high: float) -> dict[tuple[str, str], float]:
        return {("l", "p15"): low, ("l", "p50"): median, ("l", "p85"): high}

    assert drift("l", {1: at(-1, 0, 1), 2: at(0, 3, 4), 3: at(-1, 1, 5)}) == pytest.approx(3 / 4)
    assert drift("l", {1: at(0, 0, 0)}) == 0


def test_branch_ratios_show_the_first_step_and_the_end() -> None:
    rows = [(step, "branch_to_shortcut", unit, "ratio", value)
            for step, value in ((1, 1.5), (400, 0.5)) for unit in ("stage1.0", "stage2.0", "stage3.0")]  # fmt: skip
    runs = [make_run(8), with_probes(make_run(8, "identity"), rows)]
    faint, bold, _one, *_boundaries = drawn(draw_branch_ratios(group_of(*runs))).axes[0].lines
    assert (ys(faint), ys(bold)) == ([1.5] * 3, [0.5] * 3)
    assert xs(bold) == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    assert bold.get_linewidth() > faint.get_linewidth()
    assert bold.get_label() == "ResNet-8"


def test_each_net_with_and_without_bn_gets_a_panel() -> None:
    pair = make_run(20, learning_rate=0.1), with_model(make_run(20, learning_rate=0.01), normalization="none")
    third = with_model(make_run(20, train_error=70.0, status="diverged"), normalization="none", initialization="xavier")
    figure = drawn(draw_batch_norm(group_of(*pair, third, make_run(56))))
    assert [axes.get_title("left") for axes in figure.axes] == ["plain-20"]
    labels = sorted(text.get_text() for text in figure.axes[0].texts)
    assert labels == ["BN, He, 0.1", "no BN, He, 0.01", "no BN, Xavier, 0.02 diverged"]
    assert draw_batch_norm(group_of(make_run(20), make_run(20, "identity"))) is None


def test_an_initialisation_of_the_users_own_keeps_its_name_in_the_figure_of_bn() -> None:
    own = with_model(make_run(20, learning_rate=0.01), normalization="none")
    model = own.experiment.model.model_copy(update={"initialization": "lecun_normal"})
    own = replace(own, experiment=own.experiment.model_copy(update={"model": model}))
    figure = drawn(draw_batch_norm(group_of(make_run(20), own)))
    assert "no BN, lecun normal, 0.01" in [text.get_text() for text in figure.axes[0].texts]


def test_nets_of_one_depth_have_different_styles() -> None:
    usual = group_of(make_run(20), make_run(20, "identity"), make_run(56)).entries
    assert list(entry_styles(usual).values()) == [
        (DEPTH_COLOURS[20], "--"), (DEPTH_COLOURS[56], "--"), (DEPTH_COLOURS[20], "-"),
    ]  # fmt: skip
    without_bn = [with_model(make_run(20, kind), normalization="none") for kind in ("none", "identity")]
    assert [line for _, line in entry_styles(group_of(*without_bn).entries).values()] == [":", "-."]
    gates = [with_model(make_run(110, "identity"), shortcut="exclusive_gate", gate_bias=-float(b)) for b in range(9)]
    group = group_of(*gates)
    assert len(set(entry_styles(group.entries).values())) == 9
    [right] = draw_curves(group).axes
    assert len({line.get_color() for line in right.lines if line.get_linestyle() == "-" and len(xs(line)) > 1}) > 6
