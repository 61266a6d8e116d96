"""Reads a run from its folder, `results/<name>/seed-<k>/`. The names of all its files are defined here."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resnet_repro.errors import RunError
from resnet_repro.papers.data import CIFAR10_DIGEST, CIFAR10_NAME
from resnet_repro.record.documents import read_environment, read_summary
from resnet_repro.record.last_epoch import RUNNING, last_epoch, line_up, mean_between
from resnet_repro.record.provenance import imported_name
from resnet_repro.record.rows import ProbeRow, Row, read_rows
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import read_spec
from resnet_repro.spec.naming import held_out_phrase

SPEC, ENVIRONMENT, SUMMARY = "spec.yaml", "environment.json", "summary.json"
METRICS, PROBES = "metrics.csv", "probes.csv"
CHECKPOINT, PREVIOUS_CHECKPOINT, WEIGHTS = "checkpoint.pt", "checkpoint-previous.pt", "weights.safetensors"
HOLDER = "holder.lock"
LOG = "train.log"
FIGURES = "figures"
REPORT = "report.html"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A run as read from disk. If it is still training, more rows may follow and `summary` is empty."""

    path: Path
    experiment: Experiment
    environment: dict[str, Any]
    rows: tuple[Row, ...]
    summary: dict[str, Any]
    repeats: tuple["Run", ...] = ()  # of the same spec, seed, data and precision, of which `load_runs` kept this one

    def __repr__(self) -> str:
        """Short, as in a list of runs that a notebook shows."""
        error = self.result("train_error_pct")
        return f"<Run {self.path}: {self.status}{'' if error is None else f', training error {error:.1f} %'}>"

    @property
    def left_out(self) -> int:
        """How many repeats of this run do not count."""
        return len(self.repeats)

    @property
    def status(self) -> str:
        return str(self.summary.get("status", "unfinished"))

    @property
    def experiment_path(self) -> Path:
        """The folder of the run's experiment; that of the run alone, if it is not called seed-<its seed>."""
        return self.path.parent if self.path.name == f"seed-{self.experiment.seed}" else self.path

    @property
    def data(self) -> dict[str, Any]:
        """The name and the digest of the data, as far as they were recorded."""
        return self.environment.get("data") or self.summary.get("data") or {}

    @property
    def digest(self) -> str:
        """The recorded digest of the training and the test set, which alone says what the data are; "" if unknown."""
        return str(self.data.get("digest", ""))

    @property
    def is_cifar10(self) -> bool:
        """Whether the data are the papers', by their digest."""
        return self.digest == CIFAR10_DIGEST

    @property
    def data_name(self) -> str:
        """The name of the data, and on which images the net is tested if not on the test set.

        Only the true CIFAR-10 is called so. Other data keep their recorded name, with the start of their digest.
        """
        held_out = held_out_phrase(self.experiment.data.validation_images)
        if self.is_cifar10:
            return f"{CIFAR10_NAME}{held_out}"
        name = str(self.data.get("name", "unknown data")).removesuffix(held_out)
        name = f"data called {name}" if name == CIFAR10_NAME else name
        return name + (f" ({self.digest[:8]})" if self.digest else "") + held_out

    @property
    def precision(self) -> str:
        """The recorded number format of convolutions."""
        return str(self.environment.get("precision") or "unknown precision")

    @property
    def device_name(self) -> str:
        """The recorded name of the device."""
        return str(self.environment.get("device_name") or "unknown device")

    @property
    def imported(self) -> str:
        """The user's own files that the run was made with, each with the start of its digest; "" if there are none."""
        return imported_name(self.environment)

    @property
    def origin(self) -> dict[str, Any]:
        """What was recorded of the net from which the run starts; empty if its weights are random."""
        return self.environment.get("start") or {}

    @property
    def steps_before(self) -> int:
        """The recorded steps of training of the net from which the run starts."""
        return int(self.origin.get("steps", 0))

    @property
    def start_digest(self) -> str:
        """The recorded digest of the weights from which the run starts; "" if they are random."""
        return str(self.origin.get("weights_sha256", ""))

    @property
    def final(self) -> Row | None:
        """The last row. Its running training error depends on how often rows were recorded; `result` does not."""
        return self.rows[-1] if self.rows else None

    def result(self, column: str) -> float | None:
        """The run's value for a column of metrics.csv: in its last row, never its best one.

        The running training error and loss are over the last whole epoch (`last_epoch`), from summary.json or, if that
        is older, from the rows.
        """
        if column not in RUNNING or not self.final:
            return getattr(self.final, column, None)
        if column in (exact := self.summary.get("last_epoch") or {}):
            return float(exact[column])
        return mean_between(self.rows, column, *self._last_epoch)

    @property
    def is_result_exact(self) -> bool:
        """Whether the training error of `result` is over exactly the last epoch, not over rows that overlap with it."""
        return "last_epoch" in self.summary or line_up(self.rows, *self._last_epoch)

    @property
    def _last_epoch(self) -> tuple[int, int]:
        return last_epoch(self.final.step if self.final else 0, self.experiment.steps_of("epoch"))

    @cached_property
    def probes(self) -> tuple[ProbeRow, ...]:
        """The rows of probes.csv, empty without probes, or with a warning if the file is damaged.

        Read on first use, as the file may be large.
        """
        try:
            steps = self.experiment.training.steps
            return tuple(read_rows(self.path / PROBES, ProbeRow, steps, grows=not self.summary))
        except RunError as error:
            log.warning("%s; the probes of this run are left out", error)
            return ()


def with_recorded_precision(run: Run) -> Experiment:
    """The run's experiment as if it had asked for the recorded precision, so that equal trainings have equal ones."""
    training = run.experiment.training
    return run.experiment.model_copy(update={"training": training.model_copy(update={"precision": run.precision})})


def read_run(folder: Path) -> Run:
    """The run in `folder`. Raises RunError or SpecError with the name of the file if one is damaged."""
    experiment = read_spec(folder / SPEC, reading=True)
    environment, summary = read_environment(folder / ENVIRONMENT), read_summary(folder / SUMMARY)
    rows = tuple(read_rows(folder / METRICS, Row, experiment.training.steps, grows=not summary))
    if summary.get("status") == "finished" and not (rows and rows[-1].is_result_of(summary["steps"])):
        raise RunError(
            f"{folder / METRICS}: should end with the errors after step {summary['steps']}, as summary.json says that "
            "the run has finished; restore it, or train again with --restart"
        )
    return Run(folder, experiment, environment, rows, summary)
