"""The tables of the report: final errors of each group, and the runs of each experiment."""

import shlex
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple, get_args

from resnet_repro.analysis.differences import field_columns
from resnet_repro.analysis.groups import COLUMNS, Entry, Group
from resnet_repro.analysis.loading import mixed_environments
from resnet_repro.claims.net_results import published_number
from resnet_repro.claims.published_tables import error_columns
from resnet_repro.claims.wording import published_value
from resnet_repro.record.provenance import decisive
from resnet_repro.record.run import SPEC, Run
from resnet_repro.spec.training import Precision


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
    """The final errors of each net in %, beside the papers' values, if these are of the same data."""
    fields, _ = field_columns(group.entries)
    columns = error_columns(group, list(fields)) + ["ours − the paper's"] * group.condition.is_papers
    rows = [_errors(entry, group, texts) for entry, *texts in zip(group.entries, *fields.values(), strict=True)]
    return SortableTable(columns, [row[: len(columns)] for row in rows])


def _errors(entry: Entry, group: Group, fields: Sequence[str]) -> list[SortableCell]:
    cells = [
        SortableCell(entry.name),
        *map(SortableCell, fields),
        *[SortableCell(entry.runs[0].precision)] * group.is_mixed,
    ]
    for column in COLUMNS:
        found = entry.final(column)
        cells.append(SortableCell(entry.final_text(column), found.mean if found else None))
    number, ours = published_number(entry, "test_error_pct"), entry.final("test_error_pct")
    cells.append(SortableCell(published_value(number), number.value) if number else SortableCell(""))
    if number and ours and number.relation == "=" and group.condition.is_papers:
        return [*cells, SortableCell(f"{ours.mean - number.value:+z.2f}", ours.mean - number.value)]
    return [*cells, SortableCell("")]


def origins(runs: Sequence[Run]) -> list[Origin]:
    """An origin for each experiment, in the order of the run folders."""
    mixed = {found.experiment: str(found) for found in mixed_environments(runs)}
    found = groupby(sorted(runs, key=_repeated_together), _repeated_together)
    return [_origin(list(several), runs, mixed.get(key[0], "")) for key, several in found]


def _repeated_together(run: Run) -> tuple[str, str, str]:
    """The folder, precision and spec of a run: one command repeats those that share all of them."""
    return run.experiment_path.as_posix(), run.precision, run.experiment.model_dump_json(exclude={"seed"})


def _origin(runs: Sequence[Run], others: Sequence[Run], mixed: str) -> Origin:
    seeds = sorted(run.experiment.seed for run in runs)
    together = len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1))
    chosen = f"{seeds[0]}-{seeds[-1]}" if together else ",".join(map(str, seeds))
    pinned = ["--set", f"training.precision={runs[0].precision}"] if runs[0].precision in get_args(Precision) else []
    spec = (runs[0].path / SPEC).as_posix()
    source = [(one.path / SPEC).as_posix() for one in others if one.experiment.label == runs[0].experiment.source][:1]
    command = shlex.join(["resnet-repro", "train", *source, spec, "--seeds", chosen, *pinned, "--results", "again"])
    columns = ["seed", "state", "steps", "test error %", "data", "device", "precision", "torch", "commit", "minutes"]
    return Origin(runs[0].experiment.name, command, mixed, SortableTable(columns, [_run(run) for run in runs]))


def _run(run: Run) -> list[SortableCell]:
    made, last, error = decisive(run.environment), run.final, run.result("test_error_pct")
    minutes = run.summary.get("total_seconds", last.elapsed_seconds if last else 0.0) / 60
    exact = "exact" if run.is_cifar10 else "not the true CIFAR-10"
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
