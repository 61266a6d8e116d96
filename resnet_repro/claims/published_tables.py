"""The papers' tables with our values beside theirs."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from resnet_repro.analysis.groups import Group, comparable_groups
from resnet_repro.claims.samples import take_sample
from resnet_repro.claims.verdict import Sample
from resnet_repro.papers import NETS, NUMBERS, Number
from resnet_repro.record.run import Run

MEASURE = "test_error_pct"
TABLES = ("[R] Table 6", "[R] Fig. 6, plain nets", "[I] Table 1", "[I] Table 2", "[I] Table 3")


@dataclass(frozen=True)
class Line:
    """A number of a paper, and our runs of that net under the same conditions; None where nothing was run."""

    number: Number
    sample: Sample | None

    @property
    def difference(self) -> float | None:
        """Our mean less theirs, in points; None where theirs is a bound, or the best of several runs."""
        ours, comparable = self.sample and self.sample.estimate, self.number.relation == "="
        if not ours or not comparable or self.number.statistic == "best of five":
            return None
        return ours.mean - self.number.value

    @property
    def minutes(self) -> float | None:
        """Training time of a run, mean."""
        times = [run.summary.get("total_seconds", 0.0) / 60 for run in self.sample.runs] if self.sample else []
        return statistics.fmean(times) if times else None

    @property
    def devices(self) -> list[str]:
        runs = self.sample.runs if self.sample else ()
        return sorted({run.device_name for run in runs})


def numbers_of(table: str) -> list[Number]:
    """The test errors of a table; of figures the plain nets, as tables have the others."""
    source, _, plain = table.partition(", plain")
    found = [n for n in NUMBERS if n.measure == MEASURE and n.source.startswith(source)]
    return [n for n in found if not plain or n.net.startswith("plain")]


def beside(table: str, group: Group | None) -> list[Line]:
    """A line for each number of the table."""
    return [
        Line(number, take_sample(group, number.net, MEASURE) if group and number.net in NETS else None)
        for number in numbers_of(table)
    ]


def filled_tables(runs: Sequence[Run]) -> list[tuple[str, Group | None, list[Line]]]:
    """Each table under each set of conditions that has one of its nets; once without ours if none has."""
    groups = comparable_groups(runs)
    found: list[tuple[str, Group | None, list[Line]]] = []
    for table in TABLES:
        filled = [(table, group, lines) for group in groups if _any_ours(lines := beside(table, group))]
        found += filled or [(table, None, beside(table, None))]
    return found


def _any_ours(lines: Sequence[Line]) -> bool:
    return any(line.sample and line.sample.estimate for line in lines)
