"""Loads the runs of results folders, and finds experiments whose runs were made in different environments."""

import os
import stat
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from resnet_repro.analysis.selection import Selection
from resnet_repro.errors import ReproError, RunError
from resnet_repro.files import read_bytes
from resnet_repro.nearest import did_you_mean, nearest_paths
from resnet_repro.record.finding import find_runs
from resnet_repro.record.provenance import differing
from resnet_repro.record.rows import LARGEST_FILE
from resnet_repro.record.run import ENVIRONMENT, METRICS, PROBES, SPEC, SUMMARY, Run, read_run, with_recorded_precision
from resnet_repro.spec import Experiment
from resnet_repro.text_tables import counted

MOST_MEMORY = 700_000_000  # bytes for all runs that are read together
# What a run takes at most, in bytes: by itself, for each row, and for each byte of a spec and of a JSON file.
RUN, ROW, SPEC_BYTE, JSON_BYTE = 200_000, 350, 200, 25


EVERYTHING = Selection()


def load_runs(
    *results: str | Path, selection: Selection = EVERYTHING, notice: Callable[[str], object] = warnings.warn
) -> list[Run]:
    """Every run below these folders, or those that are chosen: folder after folder, in each sorted by path.

    Of runs with the same spec, seed, data and precision one is kept, so that no result counts twice, also not if they
    are in several folders: one that has finished if any has, else the first. `notice` is called with a message then,
    also if their results differ, for a finished run whose training error is not over exactly its last epoch, and for a
    damaged run, which is left out. Raises RunError if there is no run that can be read, or if the selection has a name
    that no run has.
    """
    runs, faults = read_runs(*results, selection=selection, notice=notice)
    if not runs:
        first_fault, *others = faults.values()
        raise RunError(first_fault + (f" ({counted(len(others), 'more run')} cannot be read)" if others else ""))
    for fault in faults.values():
        notice(f"{fault}; this run is left out")
    return runs


def read_runs(
    *results: str | Path, selection: Selection = EVERYTHING, notice: Callable[[str], object] = warnings.warn
) -> tuple[list[Run], dict[Path, str]]:
    """The runs as from `load_runs`, and why others are damaged, by their folders."""
    found: list[Experiment] = []
    kept: dict[object, Run] = {}
    faults: dict[Path, str] = {}
    folders: dict[str, Path] = {}  # by their real paths, as one may be inside another or go by several names
    for folder in (folder for path in results for folder in run_folders(Path(path), notice)):
        folders.setdefault(os.path.realpath(folder), folder)
    _check_memory(folders.values())
    for folder in folders.values():
        if isinstance(run := _run_or_fault(folder), Run):
            found.append(run.experiment)
            if selection.has(run.experiment):
                _keep(run, kept, notice)
        else:
            faults[folder] = run
    if found:
        selection.check(found, notice)
    for run in kept.values():
        if run.status == "finished" and not run.is_result_exact:
            notice(f"{run.path}: its rows do not line up with its last epoch, so its training error is approximate")
    return list(kept.values()), faults


def read_one(folder: Path) -> Run | str:
    """The run in a folder, or why it is damaged or too much to read."""
    try:
        _check_memory([folder])
    except RunError as error:
        return str(error)
    return _run_or_fault(folder)


def _run_or_fault(folder: Path) -> Run | str:
    try:
        return read_run(folder)
    except ReproError as error:
        return str(error)
    except OSError as error:
        return f"{folder}: cannot be read: {error.strerror}"


def _keep(run: Run, kept: dict[object, Run], notice: Callable[[str], object]) -> None:
    """Add a run to those that are kept, or choose between it and the one that it repeats."""
    recorded = run.digest, run.data_name, run.precision, run.imported, run.start_digest
    key = with_recorded_precision(run).model_copy(update={"name": ""}), *recorded
    first = kept.get(key)
    if first is None:
        kept[key] = run
        return
    stays, leaves = (run, first) if first.status != "finished" == run.status else (first, run)
    kept[key] = replace(stays, repeats=(*first.repeats, replace(leaves, repeats=())))
    notice(f"{leaves.path} repeats {stays.path} (same spec, seed and data) and is left out{_contrast(leaves, stays)}")


def _contrast(leaves: Run, stays: Run) -> str:
    """How a repeat differs from the run that is kept: in its state, or in its test error; empty if it does not."""
    if leaves.status != stays.status:
        return f": it is {leaves.status}, the other {stays.status}"
    ours, theirs = (run.result("test_error_pct") for run in (leaves, stays))
    if ours is None or theirs is None or ours == theirs:
        return ""
    return f", although they disagree: its test error is {ours:.2f} %, the other's {theirs:.2f} %"


def _check_memory(folders: Iterable[Path]) -> None:
    """Raise RunError if the runs may take too much memory, or too long to read, together."""
    memory = 0
    for folder in folders:
        json = _size(folder / ENVIRONMENT) + _size(folder / SUMMARY)
        rows = _most_rows(folder / METRICS) + _most_rows(folder / PROBES)
        memory += RUN + SPEC_BYTE * _size(folder / SPEC) + JSON_BYTE * json + ROW * rows
        if memory > MOST_MEMORY:
            raise RunError(f"{folder}: this run and those before it are too much to read together; name fewer runs")


def _size(path: Path) -> int:
    """The bytes of a regular file; 0 for anything else, and for a file that is refused for its size when it is read."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE else 0


def _most_rows(path: Path) -> int:
    """The lines of a file, or its size in rows of 80 bytes if that is more, as lines may be of any length."""
    if not (size := _size(path)):
        return 0
    with suppress(RunError):  # reading the run will say so again
        return max(read_bytes(path, LARGEST_FILE).count(b"\n"), size // 80)
    return 0


def run_folders(results: Path, notice: Callable[[str], object]) -> list[Path]:
    """The run folders below `results`. Raises RunError if there are none."""
    if folders := find_runs(results, notice):
        return folders
    if results.exists() and not results.is_dir():
        raise RunError(f"{results}: is not a folder; name one that holds run folders")
    remedy = f"; make one with 'resnet-repro train SPEC --results {results}'"
    if results.is_dir():
        raise RunError(f"{results}: there is no run{remedy}")
    raise RunError(f"{results}: there is no such folder{did_you_mean(nearest_paths(results)) or remedy}")


class MixedEnvironment(NamedTuple):
    """An experiment whose runs were made in different environments, so that not only seeds differ."""

    experiment: str
    fields: dict[str, list[str]]  # the differing fields of the environment, each with the values found

    def __str__(self) -> str:
        found = "; ".join(f"{name}: {' or '.join(values)}" for name, values in self.fields.items())
        return f"{self.experiment}: its runs, or parts of them, were made in different environments ({found})"


def mixed_environments(runs: Sequence[Run]) -> list[MixedEnvironment]:
    """The experiments whose environment differs between seeds, or changed when a run was resumed."""
    experiments: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        experiments.setdefault(run.experiment_path.as_posix(), []).append(run.environment)
    found = (MixedEnvironment(name, differing(environments)) for name, environments in experiments.items())
    return [mixed for mixed in found if mixed.fields]
