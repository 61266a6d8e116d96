"""The tables of the report: final errors of each group, and the runs of each experiment."""

import shlex
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from resnet_repro.analysis.groups import FINAL_COLUMNS, Entry, Group
from resnet_repro.analysis.loading import mixed_environments
from resnet_repro.claims.net_results import published_number
from resnet_repro.claims.wording import published_value
from resnet_repro.record.provenance import decisive
from resnet_repro.record.run import SPEC, Run


class SortableCell(NamedTuple):
    """A cell's text, and the number to sort by if it is not to be sorted as text."""

    text: str
    number: float | None = None


class SortableTable(NamedTuple):
    """A table of the report, whose columns readers can sort."""

    columns: list[str]
    rows: list[list[SortableCell]]


class Origin(NamedTuple):
    """The runs of one experiment, their environments, and the command that repeats them."""

    experiment: str
    command: str
    mixed: str  # how their environments differ, if they do
    runs: SortableTable


def final_errors(group: Group) -> SortableTable:
    """The final errors of each net in %, beside the papers' values."""
    columns = ["net", *FINAL_COLUMNS.values(), "the paper's test error %", "ours − the paper's"]
    return SortableTable(columns, [_errors(entry) for entry in group.entries])


def _errors(entry: Entry) -> list[SortableCell]:
    cells = [SortableCell(entry.name)]
    for column in FINAL_COLUMNS:
        found = entry.final(column)
        cells.append(SortableCell(str(found), found.mean) if found else SortableCell(_states(entry)))
    number, ours = published_number(entry, "test_error_pct"), entry.final("test_error_pct")
    cells.append(SortableCell(published_value(number), number.value) if number else SortableCell(""))
    if number and ours and number.relation == "=":
        return [*cells, SortableCell(f"{ours.mean - number.value:+z.2f}", ours.mean - number.value)]
    return [*cells, SortableCell("")]


def _states(entry: Entry) -> str:
    return ", ".join(sorted({run.status for run in entry.runs}))


def origins(runs: Sequence[Run]) -> list[Origin]:
    """An origin for each experiment, in the order of the run folders."""
    mixed = {found.experiment: str(found) for found in mixed_environments(runs)}
    found = groupby(sorted(runs, key=lambda run: run.experiment_path), lambda run: run.experiment_path.as_posix())
    return [_origin(folder, list(runs), mixed.get(folder, "")) for folder, runs in found]


def _origin(folder: str, runs: Sequence[Run], mixed: str) -> Origin:
    seeds = sorted(run.experiment.seed for run in runs)
    together = len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1))
    chosen = f"{seeds[0]}-{seeds[-1]}" if together else ",".join(map(str, seeds))
    spec = (runs[0].path / SPEC).as_posix()
    command = shlex.join(["resnet-repro", "train", spec, "--seeds", chosen, "--results", "again"])
    columns = ["seed", "state", "steps", "test error %", "data", "device", "precision", "torch", "commit", "minutes"]
    return Origin(runs[0].experiment.name, command, mixed, SortableTable(columns, [_run(run) for run in runs]))


def _run(run: Run) -> list[SortableCell]:
    made, last, data = decisive(run.environment), run.final, run.environment.get("data") or {}
    error = last.test_error_pct if last else None
    minutes = run.summary.get("total_seconds", last.elapsed_seconds if last else 0.0) / 60
    exact = "exact" if data.get("exact") else "not the true CIFAR-10"
    return [
        SortableCell(str(run.experiment.seed), run.experiment.seed),
        SortableCell(run.status),
        SortableCell(f"{last.step if last else 0:,} of {run.experiment.training.steps:,}", last.step if last else 0),
        SortableCell("" if error is None else f"{error:.2f}", error),
        SortableCell(f"{run.data_name} ({exact})"),
        SortableCell(made["device"]),
        SortableCell(made["precision"]),
        SortableCell(made["torch"]),
        SortableCell(made["commit"]),
        SortableCell(f"{minutes:.1f}", minutes),
    ]
