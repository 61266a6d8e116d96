"""`resnet_repro.train`: what it trains, returns and raises, in a thread too, and as docs/running.md shows it."""

import multiprocessing.spawn
import re
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from conftest import REPOSITORY
from helpers import SMALL, StopAt, assert_same_result
from helpers import train as train_by_itself

import resnet_repro
from resnet_repro.analysis.loading import load_runs
from resnet_repro.errors import DataError, ReproError, RunError, SpecError
from resnet_repro.launch.child import _without_main
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import QueuedRun, QueueStatus
from resnet_repro.record.run import Run
from resnet_repro.runner.options import Jobs
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec


@pytest.fixture
def small(tiny: Path) -> Experiment:
    """Trains in no time."""
    return load_spec(tiny, ["training.steps=4"])


def test_a_call_trains_what_the_command_trains_and_returns_what_load_runs_reads(
    small: Experiment, tmp_path: Path
) -> None:
    run = resnet_repro.train(small, tmp_path / "r", quiet=True, device="cpu")
    [read] = load_runs(tmp_path / "r")
    assert (run.path, run.status, run.rows, run.summary) == (read.path, "finished", read.rows, read.summary)
    assert run.environment["command"] == ["resnet-repro", "train", "spec.yaml", "--device", "cpu"]
    train_by_itself(small, tmp_path / "other")
    assert_same_result(run.path, tmp_path / "other/tiny/seed-0")


def test_several_experiments_with_several_seeds_give_a_list_and_those_that_have_ended_are_skipped(
    small: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = resnet_repro.vary(small, {"training.learning_rate": [0.1, 0.2]})
    runs = resnet_repro.train(rates, tmp_path, seeds=[0, 1], quiet=True, device="cpu")
    assert capsys.readouterr().err == ""
    labels = [f"tiny-learning_rate-{rate}/seed-{seed}" for rate in (0.1, 0.2) for seed in (0, 1)]
    assert [run.path for run in runs] == [tmp_path / label for label in labels]
    written = [(run.path / "metrics.csv").stat().st_mtime_ns for run in runs]
    again = resnet_repro.train(rates, tmp_path, seeds=[0, 1], device="cpu")
    assert [run.rows for run in again] == [run.rows for run in runs]
    assert [(run.path / "metrics.csv").stat().st_mtime_ns for run in runs] == written
    assert resnet_repro.train([], tmp_path, device="cpu") == []


def test_a_thread_trains_although_it_can_handle_no_signals(small: Experiment, tmp_path: Path) -> None:
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(resnet_repro.train(small, tmp_path, device="cpu")))
    thread.start()
    thread.join()
    assert [run.status for run in runs] == ["finished"]


def test_an_interruption_saves_a_checkpoint_and_the_same_call_resumes(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("resnet_repro.launch.from_python.new_watcher", lambda: StopAt(2))
        with pytest.raises(KeyboardInterrupt, match="tiny/seed-0: stopped; the same call resumes it"):
            resnet_repro.train(small, tmp_path / "r", seeds=[0, 1], device="cpu")
    assert not (tmp_path / "r/tiny/seed-1").exists()
    runs = resnet_repro.train(small, tmp_path / "r", seeds=[0, 1], device="cpu")
    assert [run.status for run in runs] == ["finished", "finished"]
    train_by_itself(small, tmp_path / "whole")
    assert_same_result(tmp_path / "r/tiny/seed-0", tmp_path / "whole/tiny/seed-0")


@pytest.mark.parametrize(
    ("status", "raised", "message"),
    [
        ("failed", RunError, "tiny/seed-1: its process was killed"),
        ("interrupted", KeyboardInterrupt, "the same call resumes the runs"),
        ("waiting", KeyboardInterrupt, "the same call resumes the runs"),
    ],
)
def test_how_runs_side_by_side_end_is_raised(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: QueueStatus,
    raised: type[BaseException], message: str,
) -> None:  # fmt: skip
    def queue(tasks: Sequence[Task], ahead: Sequence[Task], *_: object) -> list[QueuedRun]:
        first, second = ahead
        return [
            QueuedRun(first, tmp_path, "finished"),
            QueuedRun(second, tmp_path, status, error="its process was killed"),
        ]

    monkeypatch.setattr("resnet_repro.launch.from_python.train_side_by_side", queue)
    with pytest.raises(raised, match=message):
        resnet_repro.train(small, tmp_path / "r", seeds=[0, 1], jobs=2, device="cpu")


def test_a_process_beside_a_script_does_not_run_the_script_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "script.py", raising=False)
    main = multiprocessing.spawn.get_preparation_data("")
    assert {"init_main_from_name", "init_main_from_path"} & main.keys()
    with _without_main():
        alone = multiprocessing.spawn.get_preparation_data("")
    assert not {"init_main_from_name", "init_main_from_path"} & alone.keys()


def test_a_mistake_is_raised_before_anything_is_trained(small: Experiment, tiny: Path, tmp_path: Path) -> None:
    spec, results = small, tmp_path / "r"
    other = load_spec(tiny, ["training.learning_rate=0.5"])
    true_data = load_spec("plain20")
    train_by_itself(other, tmp_path / "other")
    mistakes: list[tuple[object, dict[str, object], type[ReproError], str]] = [
        ("plain20", {}, SpecError, "'plain20': is not an experiment; load_spec reads one"),
        ([spec, other], {}, SpecError, "name: tiny is that of two experiments that differ"),
        (spec, {"seeds": [0, -1]}, SpecError, "seeds: -1 should be from 0"),
        (spec, {"seeds": "0-2"}, SpecError, "seeds: '0-2' should be whole numbers, such as range"),
        (spec, {"seeds": 3}, SpecError, "seeds: 3 should be whole numbers"),
        (spec, {"seeds": [0.5]}, SpecError, "should be whole numbers"),
        (spec, {"jobs": 0}, RunError, "jobs: 0 should be 'auto', or a whole number"),
        (spec, {"device": "gpu"}, RunError, "--device gpu: is not a device"),
        ([spec, true_data], {"data_dir": tmp_path}, DataError, "there is no CIFAR-10 here"),
        (spec, {"results": tmp_path / "other", "seeds": [1, 0]}, RunError, "or --name NAME"),
    ]
    for experiment, arguments, kind, fragment in mistakes:
        with pytest.raises(kind, match=re.escape(fragment)):
            resnet_repro.train(experiment, **{"results": results, "device": "cpu", **arguments})  # type: ignore[call-overload]
    assert not results.exists()
    assert not (tmp_path / "other/tiny/seed-1").exists()


def test_a_mistyped_name_is_answered_with_the_nearest_ones_from_python_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"plain65": "plain56", "experiments/plain65.yaml": "plain56", "quick/plan20": "quick/plain20"}
    for name, near in names.items():
        with pytest.raises(SpecError, match=f"{name}: there is no such experiment; did you mean .*{near}"):
            resnet_repro.load_spec(name)


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resnet_repro, "load_spec", partial(load_spec, overrides=SMALL), raising=False)
    page = (REPOSITORY / "docs/running.md").read_text().split("## From Python")[1]
    example, *_ = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    found: dict[str, object] = {}
    exec(example, found)  # noqa: S102  (our own page)
    assert len(load_runs("results")) == 4
    assert Path("results/quick/resnet20-learning_rate-0.05/seed-1").is_dir()


@pytest.mark.usefixtures("forked_children")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_watcher_gets_the_runs_at_once_and_whenever_one_has_a_new_row_and_nothing_else_is_shown(
    small: Experiment, tmp_path: Path, capfd: pytest.CaptureFixture[str], jobs: Jobs
) -> None:
    seen: list[list[int]] = []

    def watch(runs: list[Run]) -> None:
        seen.append([len(run.rows) for run in runs])

    quick = small.model_copy(update={"training": small.training.model_copy(update={"record_every": 2})})
    runs = resnet_repro.train(quick, tmp_path, seeds=[0, 1], jobs=jobs, device="cpu", watch=watch)
    assert capfd.readouterr() == ("", "")
    assert [len(run.rows) for run in runs] == [2, 2] == seen[-1]
    assert [1] in seen or [1, 1] in seen
    assert seen[0] == []
    assert len(seen) == 6  # the beginning, four rows, and the end
    resnet_repro.train(quick, tmp_path, seeds=[0, 1], device="cpu", watch=watch)  # there is nothing left to train
    assert seen[6:] == [[2, 2]]
