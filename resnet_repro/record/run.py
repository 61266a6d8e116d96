"""Reads a run from its folder, `results/<name>/seed-<k>/`. The names of all its files are defined here."""

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

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
TEXTS = {SPEC, ENVIRONMENT, SUMMARY, METRICS}  # the files by which a run folder is known
DEEPEST_RUN = 100  # folders below the results; the name of a run has at most 60 parts
MOST_FOLDERS = 100_000  # below the results, which are looked through in seconds
MOST_LINKED = 10_000  # folders that are looked at behind links, which may lead to the root of a disk

log = logging.getLogger(__name__)


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
    def experiment_path(self) -> Path:
        """The folder of the run's experiment; that of the run alone, if it is not called seed-<its seed>."""
        return self.path.parent if self.path.name == f"seed-{self.experiment.seed}" else self.path

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
        """The rows of probes.csv, empty without probes, or with a warning if the file is damaged.

        Read on first use, as the file may be large.
        """
        try:
            steps = self.experiment.training.steps
            return tuple(read_rows(self.path / PROBES, ProbeRow, steps, grows=not self.summary))
        except RunError as error:
            log.warning("%s; the probes of this run are left out", error)
            return ()


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


def find_runs(results: Path, notice: Callable[[str], object] = log.warning) -> list[Path]:
    """The run folders below `results`, sorted, whatever their names, also those behind links.

    A folder to which several paths lead is found once. `notice` is called with a line for each link that leads nowhere
    and each folder that cannot be read. Raises RunError for too many folders.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    roots, left = [results] if results.exists() else [], MOST_LINKED
    while roots:
        links: list[Path] = []  # followed after the folders, so that a run is rather found at its own place
        for root in sorted(roots):
            ahead = [(root, 0)]
            while ahead and left:
                folder, depth = ahead.pop()
                try:
                    inside = _look_into(folder, seen)
                except OSError as error:
                    if root in (results, folder):
                        notice(f"{folder}: cannot be read and is left out: {error.strerror}")
                    continue
                if root == results and len(seen) > MOST_FOLDERS:
                    raise RunError(f"{results}: holds more than {MOST_FOLDERS:,} folders; name one of them")
                left -= root != results
                links += inside.links
                ahead += [(path, depth + 1) for path in inside.folders if depth < DEEPEST_RUN]
                if inside.is_run:
                    found.append(folder)
            if ahead:
                notice(f"{root}: leads to too many folders, of which some are left out; name the one that holds runs")
                return sorted(found)
        roots = links
    return sorted(found)


class _Inside(NamedTuple):
    """What a folder holds, as far as it matters for finding runs."""

    is_run: bool
    folders: list[Path]
    links: list[Path]


def _look_into(folder: Path, seen: set[tuple[int, int]]) -> _Inside:
    """What is in a folder; nothing if it is a file, or is among `seen`, to which it is added. Raises OSError.

    A run folder holds two of the files that a run writes, or one if it is called seed-<k>. Links in it are files.
    """
    status = os.stat(folder)
    inside = _Inside(False, [], [])
    if not stat.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) in seen:
        return inside
    seen.add((status.st_dev, status.st_ino))
    texts = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            texts += entry.name in TEXTS
            if entry.is_symlink():
                inside.links.append(folder / entry.name)
            elif entry.is_dir(follow_symlinks=False):
                inside.folders.append(folder / entry.name)
    is_run = texts >= 2 - folder.name.startswith("seed-")
    return inside._replace(is_run=is_run, links=[] if is_run else inside.links)
