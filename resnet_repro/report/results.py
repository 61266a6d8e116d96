"""What the tables of the page hold. A cell has a text, and a number where the text alone would sort wrongly."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from resnet_repro.analysis.groups import FINAL_COLUMNS, Entry, Group
from resnet_repro.analysis.loading import mixed_environments
from resnet_repro.claims.net_results import published_number
from resnet_repro.claims.wording import published_value
from resnet_repro.record.provenance import decisive
from resnet_repro.record.run import Run


class Cell(NamedTuple):
    text: str
    number: float | None = None


class Table(NamedTuple):
    columns: list[str]
    rows: list[list[Cell]]


class Origin(NamedTuple):
    """The runs of one experiment, how they were made, and how to make them again."""

    experiment: str
    command: str
    unlike: str  # where they were not made alike
    runs: Table


def final_errors(group: Group) -> Table:
    columns = ["net", *FINAL_COLUMNS.values(), "the paper's test error %", "ours − the paper's"]
    return Table(columns, [_errors(entry) for entry in group.entries])


def _errors(entry: Entry) -> list[Cell]:
    cells = [Cell(entry.name)]
    for column in FINAL_COLUMNS:
        found = entry.final(column)
        cells.append(Cell(str(found), found.mean) if found else Cell(_states(entry)))
    number, ours = published_number(entry, "test_error_pct"), entry.final("test_error_pct")
    cells.append(Cell(published_value(number), number.value) if number else Cell(""))
    if number and ours and number.relation == "=":
        return [*cells, Cell(f"{ours.mean - number.value:+z.2f}", ours.mean - number.value)]
    return [*cells, Cell("")]


def _states(entry: Entry) -> str:
    return ", ".join(sorted({run.status for run in entry.runs}))


def origins(runs: Sequence[Run]) -> list[Origin]:
    """Each experiment, in the order of the folders."""
    unlike = {found.experiment: str(found) for found in mixed_environments(runs)}
    return [_origin(folder, list(found), unlike.get(folder, "")) for folder, found in
            groupby(runs, key=lambda run: run.path.parent.as_posix())]  # fmt: skip


def _origin(folder: str, runs: Sequence[Run], unlike: str) -> Origin:
    seeds = sorted(run.experiment.seed for run in runs)
    together = len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1))
    chosen = f"{seeds[0]}-{seeds[-1]}" if together else ",".join(map(str, seeds))
    command = f"resnet-repro train {runs[0].path.as_posix()}/spec.yaml --seeds {chosen} --results again"
    columns = ["seed", "state", "steps", "test error %", "data", "device", "precision", "torch", "commit", "minutes"]
    return Origin(runs[0].experiment.name, command, unlike, Table(columns, [_run(run) for run in runs]))


def _run(run: Run) -> list[Cell]:
    made, last, data = decisive(run.environment), run.final, run.environment.get("data") or {}
    error = last.test_error_pct if last else None
    minutes = run.summary.get("total_seconds", last.elapsed_seconds if last else 0.0) / 60
    exact = "exact" if data.get("exact") else "not the true CIFAR-10"
    return [
        Cell(str(run.experiment.seed), run.experiment.seed),
        Cell(run.status),
        Cell(f"{last.step if last else 0:,} of {run.experiment.training.steps:,}", last.step if last else 0),
        Cell("" if error is None else f"{error:.2f}", error),
        Cell(f"{run.data_name} ({exact})"),
        Cell(made["device"]),
        Cell(made["precision"]),
        Cell(made["torch"]),
        Cell(made["commit"]),
        Cell(f"{minutes:.1f}", minutes),
    ]
