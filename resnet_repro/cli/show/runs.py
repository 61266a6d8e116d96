"""What `list` prints: a line or a JSON object for each run."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from resnet_repro.analysis.loading import mixed_environments
from resnet_repro.errors import printable
from resnet_repro.record.run import Run
from resnet_repro.text_tables import counted, print_table


def print_runs(runs: Sequence[Run]) -> None:
    """A row for each run; ≠ marks the runs of an experiment that were made in different environments."""
    mixed = {found.experiment: found for found in mixed_environments(runs)}
    columns = [
        "run",
        "seed",
        "status",
        "steps",
        "training error %",
        "test error %",
        "data",
        "device",
        "precision",
        "minutes",
    ]
    rows = [
        [
            str(run.path.parent),
            str(run.experiment.seed),
            run.status,
            f"{run.final.step if run.final else 0} of {run.experiment.training.steps}",
            _number(run.result("train_error_pct")),
            _number(run.result("test_error_pct")),
            run.data_name,
            run.device_name + " ≠" * (run.path.parent.as_posix() in mixed),
            run.precision,
            _number(run.final.elapsed_seconds / 60 if run.final else None, 1),
        ]
        for run in runs
    ]
    print_table(counted(len(runs), "run"), columns, rows)
    for found in mixed.values():
        print(f"≠ {printable(str(found))}")


def runs_json(runs: Sequence[Run]) -> list[dict[str, Any]]:
    mixed = {found.experiment: list(found.fields) for found in mixed_environments(runs)}
    return [{**_run_json(run), "environments_differ_in": mixed.get(run.path.parent.as_posix(), [])} for run in runs]


def _run_json(run: Run) -> dict[str, Any]:
    return {
        "path": run.path.as_posix(),
        "name": run.experiment.name,
        "seed": run.experiment.seed,
        "status": run.status,
        "steps": run.experiment.training.steps,
        "data": run.environment.get("data"),
        "device": run.environment.get("device_name"),
        "precision": run.environment.get("precision"),
        "final": asdict(run.final) if run.final else None,
        "train_error_pct": run.result("train_error_pct"),
    }


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
