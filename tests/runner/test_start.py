"""A run that starts from the net of another one: its first row, its record, its resume, and what is refused."""

import hashlib
import json
from pathlib import Path

import pytest
from conftest import Cli
from helpers import DieAt, StopAt, assert_mistake_named, assert_same_result, train

from resnet_repro.analysis.loading import load_runs
from resnet_repro.record.run import read_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec

SOURCE = (
    "name=shallow",
    "model.shortcut=none",
    "training.steps=6",
    "data.train_images=64",
    "training.evaluate_every=3",
)
GROWN = (*SOURCE, "name=grown", "model.depth=14", "start.run=shallow")


@pytest.fixture
def grown(tiny: Path) -> Experiment:
    return load_spec(tiny, GROWN)


@pytest.fixture
def results(tiny: Path, tmp_path: Path) -> Path:
    """A results folder with the run to start from."""
    assert train(load_spec(tiny, SOURCE), tmp_path / "r") == "finished"
    return tmp_path / "r"


def test_the_errors_before_any_step_are_the_last_ones_of_the_net_that_it_starts_from(
    grown: Experiment, results: Path
) -> None:
    assert train(grown, results) == "finished"
    source, run = read_run(results / "shallow/seed-0"), read_run(results / "grown/seed-0")
    first, last = run.rows[0], source.rows[-1]
    assert (first.step, first.train_loss, first.train_error_pct) == (0, None, None)
    assert (first.test_error_pct, first.train_error_clean_pct) == (last.test_error_pct, last.train_error_clean_pct)
    assert first.test_loss == pytest.approx(last.test_loss, abs=1e-5)
    assert first.learning_rate == 0.05
    assert [row.step for row in source.rows] == [row.step for row in run.rows[1:]]
    digest = hashlib.sha256((results / "shallow/seed-0/weights.safetensors").read_bytes()).hexdigest()
    assert run.environment["start"] == {"run": "shallow/seed-0", "weights_sha256": digest, "depth": 8, "steps": 6}
    assert "start" not in source.environment
    assert "start" not in (results / "shallow/seed-0/spec.yaml").read_text()


@pytest.mark.parametrize("step", [0, 4])
def test_a_grown_run_that_was_stopped_and_resumed_equals_one_that_was_not(
    grown: Experiment, results: Path, tmp_path: Path, step: int
) -> None:
    train(grown, results)
    kept = (results / "grown/seed-0").rename(tmp_path / "uninterrupted")
    assert train(grown, results, StopAt(step)) == "interrupted"
    for name in ("weights.safetensors", "spec.yaml"):
        (results / "shallow/seed-0" / name).unlink()  # which a resumed run needs no more
    assert train(grown, results) == "finished"
    assert_same_result(results / "grown/seed-0", kept)
    start, before = (read_run(path).environment["start"] for path in (results / "grown/seed-0", kept))
    assert start == before


def test_a_grown_run_that_died_before_its_first_checkpoint_starts_again(
    grown: Experiment, results: Path, tmp_path: Path
) -> None:
    train(grown, results)
    kept = (results / "grown/seed-0").rename(tmp_path / "uninterrupted")
    with pytest.raises(MemoryError):
        train(grown, results, DieAt(3))
    assert train(grown, results) == "finished"
    assert_same_result(results / "grown/seed-0", kept)


def test_every_reader_of_results_takes_a_row_of_step_0(
    cli: Cli, grown: Experiment, results: Path, tmp_path: Path
) -> None:
    train(grown, results)
    assert [run.rows[0].step for run in load_runs(results)] == [0, 3]
    for command in (
        ("table", results), ("list", results), ("plot", results, "--output", tmp_path / "f"), ("claims", results),
        ("report", results, "--output", tmp_path / "page.html"), ("compare", "shallow", "grown", "--results", results),
        ("evaluate", results / "grown/seed-0", "--device", "cpu"), ("log", results, "--to", "tensorboard"),
    ):  # fmt: skip
        assert cli(*command).code == 0, command


def test_other_seeds_start_from_the_run_with_their_seed_or_with_the_one_that_is_given(
    cli: Cli, tiny: Path, results: Path
) -> None:
    options = [part for text in GROWN for part in ("--set", text)]
    missing = cli("train", tiny, *options, "--results", results, "--seed", "3", "--device", "cpu")
    assert_mistake_named(missing, 1, "there is no run")
    assert cli("train", tiny, *options, "--set", "start.seed=0", "--results", results, "--seed", "3", "--device", "cpu"
               ).code == 0  # fmt: skip
    assert read_run(results / "grown/seed-3").environment["start"]["run"] == "shallow/seed-0"


def test_a_source_that_is_not_there_is_one_line_with_the_command_that_trains_it(
    cli: Cli, tiny: Path, results: Path, tmp_path: Path
) -> None:
    def refused(*settings: str, name: str = "shallow") -> str:
        options = [part for text in (*GROWN, f"start.run={name}", *settings) for part in ("--set", text)]
        outcome = cli("train", tiny, *options, "--results", results, "--device", "cpu")
        assert_mistake_named(outcome, 1, "grown/seed-0: ")
        assert not (results / "grown").exists()
        return outcome.err

    assert f"train it first with 'resnet-repro train quick/plain20 --seed 0 --results {results}'" in refused(
        name="quick/plain20"
    )
    assert "'resnet-repro train SPEC --name other --seed 0" in refused(name="other")
    assert (
        "cannot start from shallow/seed-0: only the depth may differ, and so does model.width (2, there 4)"
        in refused("model.width=2")
    )
    assert "model.depth: 8 should be more than the 8 there" in refused("model.depth=8")
    (tmp_path / "r2").mkdir()
    (results / "shallow").rename(tmp_path / "r2/shallow")
    (results / "away").symlink_to(tmp_path / "r2")
    assert "leads out of" in refused(name="away/shallow")
    (tmp_path / "r2/shallow").rename(results / "shallow")
    train(load_spec(tiny, (*SOURCE, "name=half")), results, StopAt(2))
    assert f"train {results}/half/seed-0/spec.yaml --results {results}'" in refused(name="half")
    (results / "shallow/seed-0/summary.json").write_text('{"status": "diverged", "steps": 6}')
    assert "the run diverged" in refused()


@pytest.mark.parametrize("name", ["../shallow", "/shallow", "a//b", "", "C:\\shallow"])
def test_a_source_outside_the_results_folder_is_refused(cli: Cli, tiny: Path, tmp_path: Path, name: str) -> None:
    options = ["--set", "model.depth=14", "--set", f"start.run={json.dumps(name)}", "--results", tmp_path / "r"]
    assert_mistake_named(cli("train", tiny, *options), 1, "start.run: ")
    assert not (tmp_path / "r").exists()


def test_a_restart_whose_source_is_gone_keeps_the_earlier_run(
    cli: Cli, tiny: Path, grown: Experiment, results: Path
) -> None:
    train(grown, results)
    (results / "shallow/seed-0/weights.safetensors").unlink()
    options = [part for text in GROWN for part in ("--set", text)]
    outcome = cli("train", tiny, *options, "--results", results, "--device", "cpu", "--restart")
    assert outcome.code == 1
    assert "weights.safetensors: there is no such file" in outcome.err
    assert read_run(results / "grown/seed-0").status == "finished"
