"""`describe`: nets layer by layer, side by side and against torchvision's, as text and as JSON."""

import json
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY, TINY, Cli

PLAIN56, RESNET56, RESNET20 = (REPOSITORY / f"experiments/{name}.yaml" for name in ("plain56", "resnet56", "resnet20"))
TOTALS = ["name", "depth", "layers", "parameters", "multiply_adds"]


def words(text: str) -> list[list[str]]:
    """The cells of each line of a table, which are two spaces or more apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_a_net_is_shown_layer_by_layer(cli: Cli) -> None:
    shown = cli("describe", RESNET20)
    assert (shown.code, shown.err) == (0, "")
    lines = words(shown.out)
    assert ["resnet20, for one 3x32x32 image"] in lines
    assert ["layer", "operation", "output", "parameters", "multiply-adds", "depth", "sees (pixels)"] in lines
    assert ["stem.conv1", "conv 3x3", "16x32x32", "432", "442,368", "1", "3"] in lines
    assert ["stage2.0.branch.conv1", "conv 3x3, stride 2", "32x16x16", "4,608", "1,179,648", "8", "17"] in lines
    assert ["stage3.2", "addition", "64x8x8"] in lines
    assert ["head", "fully connected", "10", "650", "640", "20"] in lines
    assert shown.out.splitlines()[-3:] == [
        "20 weighted layers on the longest path, 269,722 parameters, 40,551,040 multiply-adds, "
        "receptive field 81 pixels",
        "initialisation of convolutions: normal, variance 2 / fan-out "
        "(He et al. 2015b, eq. 14, and the authors' released code)",
        "initialisation of the classifier: uniform in ±1/sqrt(fan-in), bias zero "
        "(the authors' released code, resnet-1k-layers)",
    ]


def test_overrides_are_described(cli: Cli) -> None:
    shown = cli("describe", RESNET20, "--set", "model.option=B", "--set", "model.depth=26")
    assert ["stage2.0.shortcut.h.conv1", "conv 1x1, stride 2", "32x16x16", "512", "131,072"] in [
        line[:5] for line in words(shown.out)
    ]
    assert "26 weighted layers" in shown.out


@pytest.mark.parametrize(
    ("overrides", "layers", "expected"),
    [
        (["model.option=B"], 20, ["stage3.0.shortcut.h.conv1", "conv 1x1, stride 2", "64x8x8", "2,048", "131,072"]),
        (["model.shortcut=exclusive_gate", "model.gate_bias=-6.0"], 20,
         ["stage2.0.shortcut.gate", "conv 1x1, stride 2", "32x16x16", "544", "131,072"]),
        (["model.block=bottleneck", "model.depth=29"], 29,
         ["stage1.0.shortcut.h.conv1", "conv 1x1", "64x32x32", "1,024", "1,048,576"]),
        (["model.block=bottleneck", "model.depth=29", "model.option=A"], 29,
         ["stage1.0.shortcut.h", "SubsampleAndPad", "64x32x32"]),
        (["model.shortcut=scaled", "model.shortcut_scale=0.5", "model.branch_scale=0.5"], 20,
         ["stage1.0.shortcut", "multiplication", "16x32x32"]),
    ],
)  # fmt: skip
def test_shortcuts_of_every_kind_are_shown(cli: Cli, overrides: list[str], layers: int, expected: list[str]) -> None:
    sets = [part for override in overrides for part in ("--set", override)]
    shown = cli("describe", RESNET20, *sets)
    assert shown.code == 0
    assert expected in [line[: len(expected)] for line in words(shown.out)]
    assert f"\n{layers} weighted layers" in shown.out


def test_json_of_one_net_is_its_totals(cli: Cli) -> None:
    totals = json.loads(cli("describe", PLAIN56, "--json").out)
    assert {key: totals[key] for key in TOTALS} == {
        "name": "plain56", "depth": 56, "layers": 56, "parameters": 853_018, "multiply_adds": 125_485_696,
    }  # fmt: skip
    assert (totals["receptive_field"], totals["image_shape"]) == (249, [3, 32, 32])
    assert totals["fully_connected_parameters"] == 650


def test_json_of_several_nets_is_a_list_in_their_order(cli: Cli) -> None:
    nets = json.loads(cli("describe", RESNET56, RESNET20, "--json").out)
    assert [(net["name"], net["depth"], net["parameters"]) for net in nets] == [
        ("resnet56", 56, 853_018), ("resnet20", 20, 269_722),
    ]  # fmt: skip


def test_several_nets_are_shown_one_after_another(cli: Cli) -> None:
    shown = cli("describe", RESNET20, PLAIN56).out
    assert shown.index("resnet20, for one") < shown.index("20 weighted layers") < shown.index("plain56, for one")
    assert "56 weighted layers" in shown


def test_plain_and_residual_nets_differ_only_in_their_shortcuts(cli: Cli) -> None:
    shown = cli("describe", PLAIN56, RESNET56, "--diff")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[0] == "plain56 against resnet56"
    assert "  model.shortcut: none against identity" in lines
    assert "  name: plain56 against resnet56" in lines
    rows = [line for line in words(shown.out) if line[0].startswith("stage")]
    additions = [line for line in rows if line[1] == "addition"]
    assert additions == [
        ["stage1", "addition", "16x32x32", "0", "none", "9 times"],
        ["stage2", "addition", "32x16x16", "0", "none", "9 times"],
        ["stage3", "addition", "64x8x8", "0", "none", "9 times"],
    ]
    assert [line for line in rows if line not in additions] == [
        ["stage2", "SubsampleAndPad", "32x16x16", "0", "none", "once"],
        ["stage3", "SubsampleAndPad", "64x8x8", "0", "none", "once"],
    ]
    assert ["whole net", "parameters", "853,018", "853,018"] in words(shown.out)
    assert "multiply-adds" not in shown.out
    assert "receptive" not in shown.out


def test_the_json_of_a_difference_has_the_same_content(cli: Cli) -> None:
    found = json.loads(cli("describe", PLAIN56, RESNET56, "--diff", "--json").out)
    assert found["fields"] == ["name: plain56 against resnet56", "model.shortcut: none against identity"]
    assert sum(layer["right"] - layer["left"] for layer in found["layers"]
               if layer["operation"] == "addition") == 27  # fmt: skip
    assert {
        "stage": "stage3",
        "operation": "addition",
        "output": "64x8x8",
        "parameters": 0,
        "left": 0,
        "right": 9,
    } in found["layers"]
    assert [net["parameters"] for net in found["totals"]] == [853_018, 853_018]


def test_totals_that_differ_are_listed(cli: Cli) -> None:
    shown = cli("describe", RESNET20, RESNET56, "--diff").out
    assert "  model.depth: 20 against 56" in shown.splitlines()
    lines = words(shown)
    assert ["whole net", "parameters", "269,722", "853,018"] in lines
    assert ["whole net", "multiply-adds", "40,551,040", "125,485,696"] in lines
    assert ["whole net", "receptive-field", "81", "249"] in lines
    assert ["stage1", "conv 3x3", "16x32x32", "2,304", "6 times", "18 times"] in lines


def test_equal_specs_have_no_difference(cli: Cli) -> None:
    shown = cli("describe", RESNET20, RESNET20, "--diff")
    assert shown.code == 0
    assert shown.out.splitlines() == [
        "resnet20 against resnet20", "", "  the specs are equal", "",
        "the nets are equal, operation by operation",
    ]  # fmt: skip
    found = json.loads(cli("describe", RESNET20, RESNET20, "--diff", "--json").out)
    assert (found["fields"], found["layers"]) == ([], [])


def test_specs_that_differ_only_in_training_have_equal_nets(cli: Cli, tiny: Path) -> None:
    other = tiny.with_name("other.yaml")
    other.write_text("extends: tiny.yaml\ntraining:\n  learning_rate: 0.2\n")
    shown = cli("describe", tiny, other, "--diff").out
    assert "  training.learning_rate: 0.05 against 0.2" in shown.splitlines()
    assert "the nets are equal, operation by operation" in shown


def test_two_nets_of_one_name_keep_their_own_counts_in_json(cli: Cli, tiny: Path) -> None:
    twin = tiny.parent / "twin/tiny.yaml"
    twin.parent.mkdir()
    twin.write_text(TINY.replace("shortcut: none", "shortcut: identity"))
    found = json.loads(cli("describe", tiny, twin, "--diff", "--json").out)
    additions = [layer for layer in found["layers"] if layer["operation"] == "addition"]
    assert len(additions) == 3
    for layer in additions:
        counts = [value for key, value in layer.items() if key in ("left", "right")]
        assert counts == [0, 1]
