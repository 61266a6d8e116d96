"""Loads the runs of results folders, and finds experiments whose runs were made in different environments."""

import stat
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from resnet_repro.errors import ReproError, RunError
from resnet_repro.files import read_bytes
from resnet_repro.record.provenance import differing
from resnet_repro.record.rows import LARGEST_FILE
from resnet_repro.record.run import ENVIRONMENT, METRICS, PROBES, SPEC, SUMMARY, Run, find_runs, read_run
from resnet_repro.text_tables import counted

MOST_MEMORY = 700_000_000  # bytes for all runs that are read together
# What a run takes at most, in bytes: by itself, for each row, and for each byte of a spec and of a JSON file.
RUN, ROW, SPEC_BYTE, JSON_BYTE = 200_000, 350, 200, 25


def load_runs(*results: str | Path, notice: Callable[[str], object] = warnings.warn) -> list[Run]:
    """Every run below these folders, sorted by path.

    A damaged run is left out, and a run with the same spec, seed and data as an earlier one, so that no result counts
    twice; `notice` is called with a message for each. Raises RunError if there is no run that can be read.
    """
    runs, faults = read_runs(*results, notice=notice)
    for fault in faults.values():
        notice(f"{fault}; this run is left out")
    return runs


def read_runs(
    *results: str | Path, notice: Callable[[str], object] = warnings.warn
) -> tuple[list[Run], dict[Path, str]]:
    """The runs as from `load_runs`, and why others are damaged, by their folders."""
    runs: dict[object, Run] = {}
    faults: dict[Path, str] = {}
    folders = dict.fromkeys(folder for path in results for folder in _run_folders(Path(path), notice))
    _check_memory(folders)
    for folder in folders:
        try:
            run = read_run(folder)
        except ReproError as error:
            faults[folder] = str(error)
            continue
        except OSError as error:
            faults[folder] = f"{folder}: cannot be read: {error.strerror}"
            continue
        first = runs.setdefault((run.experiment.model_copy(update={"name": ""}), run.data_name), run)
        if first is not run:
            notice(f"{run.path} repeats {first.path} (same spec, seed and data) and is left out")
    if not runs:
        first_fault, *others = faults.values()
        raise RunError(first_fault + (f" ({counted(len(others), 'more run')} cannot be read)" if others else ""))
    return list(runs.values()), faults


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


def _run_folders(results: Path, notice: Callable[[str], object]) -> list[Path]:
    if folders := find_runs(results, notice):
        return folders
    if results.exists() and not results.is_dir():
        raise RunError(f"{results}: is not a folder; name one that holds run folders")
    there = "there is no run" if results.is_dir() else "there is no such folder"
    raise RunError(f"{results}: {there}; make one with 'resnet-repro train SPEC --results {results}'")


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
