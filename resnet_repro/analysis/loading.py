"""Loads the runs of results folders, and finds experiments whose runs were made in different environments."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resnet_repro.errors import RunError
from resnet_repro.record.provenance import differing
from resnet_repro.record.run import Run, find_runs, read_run


def load_runs(*results: str | Path, notice: Callable[[str], None] = warnings.warn) -> list[Run]:
    """Every run below these folders, sorted by path.

    A run with the same spec, seed and data as an earlier one is left out, so that no result counts twice; `notice` is
    called with a message then. Raises RunError if a folder holds no run or a file is damaged.
    """
    runs: dict[object, Run] = {}
    for folder in dict.fromkeys(folder for path in results for folder in _run_folders(Path(path))):
        run = read_run(folder)
        first = runs.setdefault((run.experiment.model_copy(update={"name": ""}), run.data_name), run)
        if first is not run:
            notice(f"{run.path} repeats {first.path} (same spec, seed and data) and is left out")
    return list(runs.values())


def _run_folders(results: Path) -> list[Path]:
    if folders := find_runs(results):
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
        experiments.setdefault(run.path.parent.as_posix(), []).append(run.environment)
    found = (MixedEnvironment(name, differing(environments)) for name, environments in experiments.items())
    return [mixed for mixed in found if mixed.fields]
