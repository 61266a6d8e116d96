"""Reads a run from its folder, `results/<name>/seed-<k>/`. The names of all its files are defined here."""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resnet_repro.errors import RunError
from resnet_repro.record.documents import Status as Status
from resnet_repro.record.documents import read_environment, read_summary
from resnet_repro.record.rows import ProbeRow, Row, read_rows
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec

SPEC, ENVIRONMENT, SUMMARY = "spec.yaml", "environment.json", "summary.json"
METRICS, PROBES = "metrics.csv", "probes.csv"
CHECKPOINT, PREVIOUS_CHECKPOINT, WEIGHTS = "checkpoint.pt", "checkpoint-previous.pt", "weights.safetensors"
HOLDER = "holder.lock"
LOG = "train.log"
FIGURES = "figures"
REPORT = "report.html"
DEEPEST_RUN = 100  # folders below the results; the name of a run has at most 60 parts
MOST_FOLDERS = 100_000  # below the results, which are looked through in seconds


@dataclass(frozen=True)
class Run:
    """A run as read from disk. If it is still training, more rows may follow and `summary` is empty."""

    path: Path
    experiment: Experiment
    environment: dict[str, Any]
    rows: tuple[Row, ...]
    summary: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.summary.get("status", "unfinished"))

    @property
    def data_name(self) -> str:
        """The recorded name of the data; only the true CIFAR-10 is called CIFAR-10."""
        data = self.environment.get("data") or self.summary.get("data") or {}
        return str(data.get("name", "unknown data"))

    @property
    def device_name(self) -> str:
        """The recorded name of the device."""
        return str(self.environment.get("device_name") or "unknown device")

    @property
    def final(self) -> Row | None:
        """The result of the run: the last row, not the best one."""
        return self.rows[-1] if self.rows else None

    @cached_property
    def probes(self) -> tuple[ProbeRow, ...]:
        """The rows of probes.csv, empty without probes. Read on first use, as the file may be large."""
        steps = self.experiment.training.steps
        return tuple(read_rows(self.path / PROBES, ProbeRow, steps, grows=not self.summary))


def read_run(folder: Path) -> Run:
    """The run in `folder`. Raises RunError or SpecError with the name of the file if one is damaged."""
    experiment = load_spec(folder / SPEC)
    environment, summary = read_environment(folder / ENVIRONMENT), read_summary(folder / SUMMARY)
    rows = tuple(read_rows(folder / METRICS, Row, experiment.training.steps, grows=not summary))
    if summary.get("status") == "finished" and not (rows and rows[-1].is_result_of(summary["steps"])):
        raise RunError(
            f"{folder / METRICS}: should end with the errors after step {summary['steps']}, as summary.json says that "
            "the run has finished; restore it, or train again with --restart"
        )
    return Run(folder, experiment, environment, rows, summary)


def find_runs(results: Path) -> list[Path]:
    """The run folders below `results`, sorted. No links are followed. Raises RunError for too many folders."""
    found = []
    ahead, seen = [(results, 0)], 0
    while ahead:
        folder, depth = ahead.pop()
        with suppress(OSError), os.scandir(folder) as entries:  # a folder that may not be read holds no run of ours
            for entry in entries:
                if entry.name == SPEC and folder.name.startswith("seed-"):
                    found.append(folder)
                elif depth < DEEPEST_RUN and entry.is_dir(follow_symlinks=False):
                    ahead.append((folder / entry.name, depth + 1))
                    seen += 1
                    if seen > MOST_FOLDERS:
                        raise RunError(f"{results}: holds more than {MOST_FOLDERS:,} folders; name one of them")
    return sorted(found)
