"""Runs that start from the nets of others of the same command: their order, and a source that fails."""

from pathlib import Path

import pytest
from conftest import TINY, Cli
from helpers import train
from queues import Recorder, make_queue, options

from resnet_repro.launch.tasks import Task, costs_of, find_tasks, longest_first
from resnet_repro.launch.tracking import QueuedRun
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import read_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder of specs whose order by name is the reverse of that in which they can be trained."""
    folder = tmp_path / "suite"
    folder.mkdir()
    for name, depth, source in (("a-deepest", 20, "b-deep"), ("b-deep", 14, "c-shallow"), ("c-shallow", 8, "")):
        start = f"start: {{run: {source}}}\n" if source else ""
        text = TINY.replace("depth: 8", f"depth: {depth}") + start
        (folder / f"{name}.yaml").write_text(text.replace("steps: 24", "steps: 4"))
    return folder


def experiments(suite: Path) -> list[Experiment]:
    return [load_spec(path) for path in sorted(suite.iterdir())]


def test_a_source_comes_before_the_runs_that_start_from_it(suite: Path, tmp_path: Path) -> None:
    tasks = find_tasks(experiments(suite), options(tmp_path / "r"))
    assert [task.experiment.name for task in tasks] == ["c-shallow", "b-deep", "a-deepest"]
    assert [task.after for task in tasks] == ["", "c-shallow/seed-0", "b-deep/seed-0"]
    lone = Task(load_spec(suite / "a-deepest.yaml", ["name=lone", "start=null"]), "new")
    ordered = longest_first([lone, *tasks[::-1]], costs_of([lone, *tasks]))
    assert [task.experiment.name for task in ordered] == ["c-shallow", "b-deep", "lone", "a-deepest"]


def test_a_suite_with_seeds_trains_in_one_command_and_each_run_starts_from_its_seed(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    results = tmp_path / "r"
    arguments = ("train", suite, "--seeds", "0,1", "--device", "cpu", "--results", results)
    assert "c-shallow/seed-1" in cli(*arguments, "--dry-run").out
    assert cli(*arguments).code == 0
    assert read_run(results / "a-deepest/seed-1").environment["start"] == {
        "run": "b-deep/seed-1",
        "weights_sha256": read_run(results / "a-deepest/seed-1").environment["start"]["weights_sha256"],
        "depth": 14,
        "steps": 8,
    }
    assert cli(*arguments).code == 0  # all are skipped


@pytest.mark.usefixtures("forked_children")
def test_side_by_side_a_run_waits_for_its_source(suite: Path, tmp_path: Path) -> None:
    results = tmp_path / "r"
    tasks = find_tasks(experiments(suite), options(results))[::-1]
    runs = [QueuedRun(task, RunFolder(results, task.experiment).log) for task in tasks]
    board = Recorder()
    board.queue = make_queue(runs, options(results), board, slots=3)
    board.queue.train_all()
    assert [run.status for run in runs] == ["finished"] * 3
    assert board.most == 1


@pytest.mark.usefixtures("forked_children")
def test_a_source_that_fails_takes_its_followers_with_it_in_one_line_each_and_no_other(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    results = tmp_path / "r"
    (suite / "other.yaml").write_text((suite / "c-shallow.yaml").read_text())
    (suite / "c-shallow.yaml").write_text((suite / "c-shallow.yaml").read_text().replace("0.05", "1.0e+30"))
    for jobs in ("2", "1"):
        outcome = cli("train", suite, "--device", "cpu", "--results", results, "--jobs", jobs)
        assert outcome.code == 1
        errors = [line for line in outcome.err.splitlines() if line.startswith("error:")]
        assert len(errors) == 2
        assert "b-deep/seed-0" in " ".join(errors)
        assert "diverged" in " ".join(errors)
        assert read_run(results / "other/seed-0").status == "finished"
        assert not (results / "a-deepest/seed-0/metrics.csv").exists()


def test_a_source_whose_folder_cannot_be_used_is_said_before_anything_starts(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    results = tmp_path / "r"
    train(load_spec(suite / "c-shallow.yaml", ["model.width=2"]), results)
    outcome = cli("train", suite, "--device", "cpu", "--results", results)
    assert outcome.code == 1
    assert [line.split(": ")[1] for line in outcome.err.splitlines()] == [
        f"{results}/c-shallow/seed-0/spec.yaml",
        "b-deep/seed-0",
        "a-deepest/seed-0",
    ], outcome.err


def test_a_field_of_the_start_can_be_varied_and_another_field_of_all_names_what_is_missing(
    cli: Cli, suite: Path, tmp_path: Path
) -> None:
    results = tmp_path / "r"
    arguments = ("--device", "cpu", "--results", results)
    assert cli("train", suite / "c-shallow.yaml", "--seeds", "0-1", *arguments).code == 0
    assert cli("train", suite / "b-deep.yaml", "--vary", "start.seed=0,1", *arguments).code == 0
    assert read_run(results / "b-deep-start.seed-1/seed-0").environment["start"]["run"] == "c-shallow/seed-1"
    outcome = cli("train", suite / "a-deepest.yaml", "--vary", "model.depth=20,26", *arguments)
    assert outcome.code == 1
    assert outcome.err.count("there is no run") == 2
