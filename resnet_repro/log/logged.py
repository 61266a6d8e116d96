"""What of a run may be logged, and what has been: so it is seen whether a run goes on or began anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resnet_repro.log.series import identity
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.record.run import Run


class Rows(NamedTuple):
    """The rows of metrics.csv and probes.csv that may be logged."""

    metrics: Sequence[Row]
    probes: Sequence[ProbeRow]

    def before_last_step(self) -> "Rows":
        last = max(rows[-1].step for rows in (self.metrics, self.probes) if rows)
        return Rows([row for row in self.metrics if row.step < last], [row for row in self.probes if row.step < last])

    def after(self, metrics: int, probes: int) -> "Rows":
        """Without the first rows of each file."""
        return Rows(self.metrics[metrics:], self.probes[probes:])

    def ends(self, metrics: int, probes: int) -> tuple[object, ...]:
        """What tells the first rows of each file from any others: the times of a row are never twice the same."""
        last = self.metrics[metrics - 1] if 0 < metrics <= len(self.metrics) else None
        probe = self.probes[probes - 1] if 0 < probes <= len(self.probes) else None
        return last and (last.step, last.elapsed_seconds), probe


@dataclass(frozen=True)
class Logged:
    """What of a run has been logged."""

    label: str
    settings: tuple[object, ...]
    status: str
    ended: bool  # whether the tracker was told that it has ended
    metrics: int
    probes: int
    ends: tuple[object, ...]

    def goes_on(self, run: Run, rows: Rows) -> bool:
        """Whether the run is the one that was logged, and perhaps more of it."""
        same = self.settings == settings_of(run) and self.status in ("unfinished", run.status)
        return same and self.ends == rows.ends(self.metrics, self.probes)


def settings_of(run: Run) -> tuple[object, ...]:
    return identity(run), run.environment
