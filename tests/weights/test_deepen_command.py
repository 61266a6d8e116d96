"""deepen: both nets' errors and the largest difference; nothing is written; what cannot grow is refused."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import TINY, Cli
from helpers import assert_mistake_named, train

from resnet_repro.spec.file import load_spec


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deepen")
    (folder / "tiny.yaml").write_text(TINY)
    short = ["training.steps=4", "data.train_images=64"]
    for name, fields in {
        "plain": [],
        "residual": ["model.shortcut=identity"],
        "gated": ["model.activation=tanh"],
    }.items():
        assert train(load_spec(folder / "tiny.yaml", [*short, f"name={name}", *fields]), folder / "r") == "finished"
    return folder / "r"


@pytest.mark.parametrize(("name", "largest", "exact"), [("plain", 1e-5, 1e-13), ("residual", 0.0, 0.0)])
def test_a_grown_net_has_the_errors_of_the_run_and_nothing_is_written(
    cli: Cli, runs: Path, name: str, largest: float, exact: float
) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    outcome = cli("deepen", runs / name / "seed-0", "14", "--device", "cpu", "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    shallow, deep = found["nets"]
    assert (shallow["depth"], deep["depth"]) == (8, 14)
    assert shallow["test_error_pct"] == deep["test_error_pct"]
    assert deep["parameters"] > shallow["parameters"]
    assert found["largest_difference"] <= largest
    assert found["largest_difference_float64"] <= exact
    assert found["outputs_std"] > 0
    assert before == {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    shown = cli("deepen", runs / name / "seed-0", "14", "--device", "cpu").out
    assert "6 layers added; the largest difference of any output is" in shown
    assert f"start: {{run: {name}}}" in shown


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("plain/seed-0", 13), "DEPTH 13: model.depth: 13 is not 6n+2; nearest are 8 and 14"),
        (("plain/seed-0", 8), "DEPTH 8: should be more than the 8 of"),
        (("gated/seed-0", 14), "gated/seed-0/spec.yaml: model.activation: tanh changes what passes it"),
        (("plain", 14), "is not a run folder"),
    ],
)
def test_what_cannot_grow_is_refused_in_one_line(cli: Cli, runs: Path, arguments: tuple[str, int], why: str) -> None:
    folder, depth = arguments
    assert_mistake_named(cli("deepen", runs / folder, depth, "--device", "cpu"), 1, why)


def test_a_wrong_depth_is_named_also_where_the_weights_are_missing(cli: Cli, runs: Path, tmp_path: Path) -> None:
    bare = tmp_path / "plain" / "seed-0"
    shutil.copytree(runs / "plain" / "seed-0", bare, ignore=shutil.ignore_patterns("*.safetensors"))
    assert_mistake_named(cli("deepen", bare, 13), 1, "DEPTH 13: model.depth: 13 is not 6n+2")
    assert_mistake_named(cli("deepen", bare, 14), 1, "weights")
