"""Runs from results folders, and whether those of one experiment were made alike."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resnet_repro.errors import RunError
from resnet_repro.record.provenance import differing
from resnet_repro.record.run import Run, find_runs, read_run


def load_runs(*results: str | Path, notice: Callable[[str], None] = warnings.warn) -> list[Run]:
    """Every run below these folders, sorted by path. Raises RunError if one has none or a file is damaged.

    A second folder with the same spec and seed would count one result twice; it is left out, and `notice` says so.
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


class Unlike(NamedTuple):
    """An experiment whose runs were not made alike, so that their numbers differ by more than their seeds."""

    experiment: str
    fields: dict[str, list[str]]  # by name, the values found

    def __str__(self) -> str:
        found = "; ".join(f"{name}: {' or '.join(values)}" for name, values in self.fields.items())
        return f"{self.experiment}: its runs, or parts of them, were made in different environments ({found})"


def made_unlike(runs: Sequence[Run]) -> list[Unlike]:
    """The experiments among `runs` whose environments differ, between seeds or after an interruption."""
    experiments: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        experiments.setdefault(run.path.parent.as_posix(), []).append(run.environment)
    found = (Unlike(name, differing(environments)) for name, environments in experiments.items())
    return [unlike for unlike in found if unlike.fields]
