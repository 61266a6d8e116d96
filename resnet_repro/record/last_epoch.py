"""The training error and loss of a run: over the last whole epoch, however often the run recorded them."""

from collections.abc import Sequence
from typing import Literal

from resnet_repro.record.rows import Row

Running = Literal["train_loss", "train_error_pct"]  # the columns that are means over mini-batches
RUNNING: tuple[Running, ...] = ("train_loss", "train_error_pct")


def last_epoch(steps: int, epoch: int) -> tuple[int, int]:
    """The steps before and at the end of the last whole epoch, of `epoch` steps, in a run of `steps`.

    A run shorter than an epoch has none; then it is the last quarter of its steps, at least one.
    """
    if steps < epoch:
        return steps - max(steps // 4, 1), steps
    end = steps - steps % epoch
    return end - epoch, end


def mean_between(rows: Sequence[Row], column: Running, first: int, last: int) -> float | None:
    """The mean of a column over the steps after `first` up to `last`; None if no row covers one of them.

    A row counts by the number of those steps that it covers. If rows begin or end elsewhere, the result is not exact.
    """
    total, steps, before = 0.0, 0, 0
    for row in rows:
        covered = min(row.step, last) - max(before, first)
        if covered > 0:
            total, steps = total + covered * getattr(row, column), steps + covered
        before = row.step
    return total / steps if steps else None


def line_up(rows: Sequence[Row], first: int, last: int) -> bool:
    """Whether rows end at both steps, so that `mean_between` is exact."""
    return {first, last} <= {0, *(row.step for row in rows)}
