"""The papers' tables, with our values beside theirs."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from resnet_repro.analysis.groups import Condition, Group, comparable_groups
from resnet_repro.claims.net_results import net_result
from resnet_repro.claims.verdict import NetResult
from resnet_repro.papers import NETS, NUMBERS, Number
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS

MEASURE = "test_error_pct"
TABLES = ("[R] Table 6", "[R] Fig. 6, plain nets", "[I] Table 1", "[I] Table 2", "[I] Table 3", "[I] Table 4")


def published_column(at: Condition) -> str:
    """The heading of the published test errors beside runs under these conditions; empty beside other data."""
    if not at.has_papers_data:
        return ""
    return (
        "the paper's test error %" if at.is_papers else f"the paper's test error % ({PAPER_STEPS:,} steps, its recipe)"
    )


def error_columns(group: Group, fields: Sequence[str]) -> list[str]:
    """The headings of a table of final errors: net, `fields`, precision if there are several, ours, published."""
    published = published_column(group.condition)
    return [
        "net",
        *fields,
        *["precision"] * group.is_mixed,
        *(f"{label} %" for label in group.condition.labels.values()),
        *[published] * bool(published),
    ]


@dataclass(frozen=True)
class TableRow:
    """A published number and our result for that net under one set of conditions; None if nothing was run."""

    number: Number
    result: NetResult | None
    is_papers: bool  # whether the conditions are the papers' own

    @property
    def difference(self) -> float | None:
        """Our mean minus the published one, in points.

        None under other conditions than the papers', and if theirs is a bound or the best of several runs.
        """
        ours, comparable = self.result and self.result.estimate, self.number.relation == "="
        if not self.is_papers or not ours or not comparable or self.number.statistic == "best of five":
            return None
        return ours.mean - self.number.value

    @property
    def minutes(self) -> float | None:
        """Mean training time of a run."""
        times = [run.summary.get("total_seconds", 0.0) / 60 for run in self.result.runs] if self.result else []
        return statistics.fmean(times) if times else None

    @property
    def devices(self) -> list[str]:
        runs = self.result.runs if self.result else ()
        return sorted({run.device_name for run in runs})


def _numbers(table: str) -> list[Number]:
    """The published test errors of one of TABLES. Only the plain nets are taken from figures."""
    source, _, plain = table.partition(", plain")
    found = [n for n in NUMBERS if n.measure == MEASURE and n.source.startswith(source)]
    return [n for n in found if not plain or n.net.startswith("plain")]


def _rows(table: str, group: Group | None) -> list[TableRow]:
    """A row for each number of the table."""
    return [
        TableRow(number, net_result(group, number.net, MEASURE) if group and number.net in NETS else None,
                 group is not None and group.condition.is_papers)
        for number in _numbers(table)
    ]  # fmt: skip


def filled_tables(runs: Sequence[Run]) -> list[tuple[str, Group | None, list[TableRow]]]:
    """Each table once for each group on the papers' data that has one of its nets; once without ours if none has."""
    groups = [group for group in comparable_groups(runs) if group.condition.has_papers_data]
    found: list[tuple[str, Group | None, list[TableRow]]] = []
    for table in TABLES:
        filled = [(table, group, rows) for group in groups if _has_ours(rows := _rows(table, group))]
        found += filled or [(table, None, _rows(table, None))]
    return found


def _has_ours(rows: Sequence[TableRow]) -> bool:
    return any(row.result and row.result.estimate for row in rows)
