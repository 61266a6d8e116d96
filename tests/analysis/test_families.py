"""Which nets of one's own show the effect of depth and of shortcuts, and what is said if none do; columns of tables."""

from pathlib import Path

import pytest
from conftest import Cli, make_run
from stored import store

from resnet_repro.analysis.differences import differing_training
from resnet_repro.analysis.effects import effect_lines, effects
from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.record.run import Run
from resnet_repro.spec import ModelSpec


def mine(run: Run, **fields: object) -> Run:
    model = ModelSpec.model_validate(run.experiment.model.model_dump() | {"width": 4} | fields)
    return Run(run.path, run.experiment.model_copy(update={"model": model}), run.environment, run.rows, run.summary)


def compared(*runs: Run) -> list[tuple[str, str, str]]:
    [group] = comparable_groups(runs)
    return [(effect.name, effect.worse, effect.better) for effect in effects(group) if effect.column[:4] == "test"]


def test_every_family_that_differs_in_depth_alone_shows_the_effect_of_depth() -> None:
    plain = [mine(make_run(depth)) for depth in (8, 14)]
    pre = [mine(make_run(depth, "identity"), unit="full_preactivation") for depth in (8, 14)]
    gate = [mine(make_run(14, "identity"), shortcut="exclusive_gate", gate_bias=-3.0)]
    deep, shallow = "ResNet-14 (full pre-activation, width 4)", "ResNet-8 (full pre-activation, width 4)"
    assert compared(*plain, *pre, *gate) == [
        ("degradation", "plain-14 (width 4)", "plain-8 (width 4)"),
        ("fix", "plain-14 (width 4)", deep),
        ("fix", "plain-14 (width 4)", "ResNet-14 (exclusive gate, bias -3, width 4)"),
        ("depth", deep, shallow),
    ]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (mine(make_run(14), width=8), "plain-8 (width 4) and plain-14 (width 8) also differ in width (4 and 8)"),
        (mine(make_run(14, learning_rate=0.5)), "also differ in learning rate (0.02 and 0.5)"),
        (mine(make_run(14), activation="tanh", dropout=0.1, initialization="xavier", batch_norm_momentum=0.2),
         "also differ in batch norm momentum (0.1 and 0.2), activation (relu and tanh), initialization (he and xavier)"
         " and 1 more field"),
        (mine(make_run(14, status="interrupted")), "plain-14 (width 4) has no finished run"),
    ],
)  # fmt: skip
def test_what_else_differs_is_said_where_no_two_nets_differ_in_depth_alone(other: Run, said: str) -> None:
    [group] = comparable_groups([mine(make_run(8)), other])
    [line] = effect_lines(group)
    assert line.startswith("degradation: no two nets differ in depth alone; ")
    assert line.endswith(said)


def test_a_depth_that_was_trained_in_two_ways_asks_for_a_choice() -> None:
    runs = [make_run(20), make_run(20, record_every=7, name="again"), make_run(56)]
    [line] = effect_lines(comparable_groups(runs)[0])
    assert line.endswith("was trained in more than one way; choose one with --nets")


def test_what_else_differs_is_said_where_plain_and_residual_nets_are_no_pair() -> None:
    [group] = comparable_groups([make_run(20), make_run(20, "identity", learning_rate=0.5)])
    assert effect_lines(group) == [
        "fix: no two nets differ in their shortcuts alone; plain-20 and ResNet-20 also differ in learning rate "
        "(0.02 and 0.5)"
    ]
    assert effect_lines(comparable_groups([make_run(20)])[0]) == []


def test_a_figure_of_degradation_that_cannot_be_drawn_says_what_differs(cli: Cli, tmp_path: Path) -> None:
    store(tmp_path, make_run(20), "a")
    store(tmp_path, make_run(56, steps=500), "b")
    refused = cli("plot", tmp_path, "--figure", "degradation")
    assert refused.code == 1
    assert refused.err.endswith("; plain-20 and plain-56 also differ in steps (400 and 500)\n")


def test_the_fields_that_differ_are_columns_of_the_table(cli: Cli, tmp_path: Path) -> None:
    warmup = {"learning_rate": 0.01, "steps": 40}
    store(tmp_path, make_run(), "base")
    store(tmp_path, make_run(learning_rate=0.5, nesterov=True, momentum=0.8, warmup=warmup), "mine")
    out = cli("table", tmp_path, "--markdown").out
    assert "| net | learning rate | warmup | momentum | training error % |" in out
    assert "| plain-20 [base] | 0.02 | none | 0.9 | " in out
    assert "| plain-20 [mine] | 0.5 | 0.01 for 40 steps | 0.8 | " in out
    assert "These nets also differ in nesterov." in out
    [group] = comparable_groups([make_run(), make_run(56)])
    assert differing_training(group.entries) == {}


def test_nets_of_other_depths_are_found_also_where_those_of_one_kind_have_one_depth() -> None:
    runs = [make_run(20, name="slow", learning_rate=0.01), make_run(20, name="fast"), make_run(56, "identity")]
    [line] = effect_lines(comparable_groups(runs)[0])
    assert line.endswith("also differ in shortcut (none and identity)")
