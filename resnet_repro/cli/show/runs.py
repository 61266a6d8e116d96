"""What `list` prints: a line or a JSON object for each run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resnet_repro.analysis.loading import mixed_environments
from resnet_repro.errors import printable
from resnet_repro.record.run import Run
from resnet_repro.text_tables import counted, print_table

COLUMNS = ("run", "seed", "status", "steps", "training error %", "test error %", "data", "device", "precision",
           "minutes")  # fmt: skip
OPTIONAL = ("device", "minutes", "precision", "data", "steps")  # left out on a narrow terminal, the first ones first
OF_RUN: dict[str, Callable[[Run], Any]] = {
    "path": lambda run: run.path.as_posix(),
    "name": lambda run: run.experiment.name,
    "seed": lambda run: run.experiment.seed,
    "status": lambda run: run.status,
    "steps": lambda run: run.experiment.training.steps,
    "data": lambda run: run.environment.get("data"),
    "device": lambda run: run.environment.get("device_name"),
    "precision": lambda run: run.environment.get("precision"),
    "final": lambda run: asdict(run.final) if run.final else None,
    "train_error_pct": lambda run: run.result("train_error_pct"),
}
Faults = Mapping[Path, str]  # why damaged runs cannot be read, by their folders


def print_runs(runs: Sequence[Run], faults: Faults) -> None:
    """A row for each run; ≠ marks the runs of an experiment that were made in different environments."""
    mixed = {found.experiment: found for found in mixed_environments(runs)}
    rows = {
        run.path: [
            str(run.experiment_path),
            str(run.experiment.seed),
            run.status + " ≠" * (run.experiment_path.as_posix() in mixed),
            f"{run.final.step if run.final else 0} of {run.experiment.training.steps}",
            _number(run.result("train_error_pct")),
            _number(run.result("test_error_pct")),
            run.data_name,
            run.device_name,
            run.precision,
            _number(run.final.elapsed_seconds / 60 if run.final else None, 1),
        ]
        for run in runs
    } | {folder: [str(folder), "", "damaged", *[""] * (len(COLUMNS) - 3)] for folder in faults}
    sorted_rows = [rows[folder] for folder in sorted(rows)]
    print_table(counted(len(rows), "run"), COLUMNS, sorted_rows, OPTIONAL)
    for found in mixed.values():
        print(f"≠ {printable(str(found))}")
    for fault in faults.values():
        print(f"damaged: {printable(fault)}")


def runs_json(runs: Sequence[Run], faults: Faults) -> list[dict[str, Any]]:
    """An object for each run, with the same keys; a damaged one has only path, status and fault."""
    mixed = {found.experiment: list(found.fields) for found in mixed_environments(runs)}
    objects = {
        run.path: {key: value(run) for key, value in OF_RUN.items()}
        | {"environments_differ_in": mixed.get(run.experiment_path.as_posix(), []), "fault": None}
        for run in runs
    }
    unknown = dict.fromkeys(OF_RUN) | {"environments_differ_in": []}
    for folder, fault in faults.items():
        objects[folder] = unknown | {"path": folder.as_posix(), "status": "damaged", "fault": fault}
    return [objects[folder] for folder in sorted(objects)]


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
