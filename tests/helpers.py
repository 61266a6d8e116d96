"""Helpers of tests: watchers that end a run early, comparisons of results, and what a refused command must say."""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from conftest import CliResult

from resnet_repro.record.folder import RunFolder, Status
from resnet_repro.record.run import WEIGHTS, Run, read_run
from resnet_repro.runner.options import CHECKPOINT_SECONDS, TrainOptions
from resnet_repro.runner.train import Watcher, train_run
from resnet_repro.spec import Experiment
from resnet_repro.training.loop import Trainer

TIMING = ("images_per_second", "elapsed_seconds")  # the columns that differ between equal runs
# Makes any experiment one that trains in no time: as arguments of load_spec, or after --set.
SMALL = ("data.dataset=synthetic", "data.train_images=64", "data.test_images=32", "training.steps=2",
         "training.batch_size=16", "training.milestones=[1]", "training.clean_images=16", "model.width=2",
         "probes.measure=[]")  # fmt: skip
PATIENCE = 120  # seconds; the machine may be busy


class StopAt(Watcher):
    """Sends this process a SIGINT after a given step; the run stops resumably."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # some launchers forward the signal


class DieAt(Watcher):
    """Raises MemoryError after a given step; like a killed run, this one records nothing more."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            raise MemoryError


def train(
    experiment: Experiment,
    results: Path,
    watcher: Watcher | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    restart: bool = False,
) -> Status:
    """Train or resume a run on the CPU."""
    options = TrainOptions(results, Path("data"), "cpu", restart=restart, checkpoint_seconds=checkpoint_seconds)
    return train_run(experiment, options, watcher or Watcher())


def result_of(folder: Path) -> tuple[object, ...]:
    """The metrics without timing, the probes, and the bytes of the weights of the run in `folder`."""
    run = read_run(folder)
    rows = [{name: value for name, value in asdict(row).items() if name not in TIMING} for row in run.rows]
    return rows, run.probes, (folder / WEIGHTS).read_bytes()


def assert_same_result(ours: Path, theirs: Path) -> None:
    """Two run folders have the same result, bit for bit."""
    assert result_of(ours) == result_of(theirs)


def assert_mistake_named(outcome: CliResult, code: int, fragment: str) -> None:
    """A command ended with `code` and no traceback, and says what was wrong: in one line alone if the code is 1."""
    assert outcome.code == code
    assert fragment in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    if code == 1:
        assert outcome.err.count("\n") == 1
        assert outcome.out == ""


def store(results: Path, runs: list[Run]) -> None:
    """Write made-up runs into run folders."""
    for run in runs:
        folder = RunFolder(results, run.experiment)
        folder.begin(run.environment)
        last = run.experiment.training.steps
        rows = [replace(row, step=last if row.step == 400 else row.step) for row in run.rows]
        for row in rows:
            folder.append(row)
        folder.close(run.status, last, 853_018, run.data, 60.0, run.summary.get("last_epoch"))  # type: ignore[arg-type]


def command_line(*arguments: object) -> list[str]:
    """A command of this package, for a process of its own."""
    return [sys.executable, "-m", "resnet_repro", *map(str, arguments)]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
