"""The limits of error axes, so that errors of 0.5 % and of 90 % can both be read."""

import math
from collections.abc import Iterable, Sequence

from resnet_repro.figures.curve_lines import COLUMNS
from resnet_repro.record.rows import Row
from resnet_repro.record.run import Run

CLOSE = 0.25  # errors are close together if they differ by less than this share of the largest
LEAST = 0.05  # the least height of an axis around close errors, as a share of the largest
ROOM = 0.2  # above and below such errors, as a share of the axis
ZOOM = 2.5  # the axis of curves ends at this multiple of the largest final error, 100 % at the most
NOT_FROM_0 = " The error axis does not begin at 0."


def error_limits(errors: Sequence[float], top: float) -> tuple[float, float]:
    """From 0 to `top`, or closely around the errors if they lie close together, as those of short runs near 90 %."""
    lowest, highest = min(errors, default=0.0), max(errors, default=top)
    if highest - lowest >= CLOSE * highest:
        return 0.0, top
    room = max(ROOM * (highest - lowest), (LEAST * highest - (highest - lowest)) / 2)
    step = 10 ** math.floor(math.log10(highest)) / 20  # of the rounded limits: 0.5 at 90 %
    low, high = math.floor((lowest - room) / step) * step, math.ceil((highest + room) / step) * step
    return max(0.0, low), min(100.0, high)


def rounded_up(error: float) -> float:
    """A tidy end for an axis that begins at 0: a multiple of 5 %, or of less if the errors are small."""
    step = 5.0 if error > 5 else 10 ** math.floor(math.log10(error)) / 2
    return math.ceil(round(error / step, 9)) * step


def curve_limits(runs: Sequence[Run], published: Sequence[float]) -> tuple[float, float]:
    """The axis of curves: from 0 to some way above the final errors, so that they can be compared, or around all."""
    ended = [run.final for run in runs if run.final and run.status != "diverged"]
    finals = [*_errors(ended or [run.final for run in runs if run.final]), *published]
    largest = max(finals, default=0.0) or highest_error(runs)
    drawn = _errors(row for run in runs for row in run.rows if run.status != "diverged" or not ended)
    return error_limits([*drawn, *published], min(rounded_up(ZOOM * largest), 100.0) if largest else 100.0)


def highest_error(runs: Iterable[Run]) -> float:
    """The highest error that curves of these runs show; 0 without rows."""
    return max(_errors(row for run in runs for row in run.rows), default=0.0)


def _errors(rows: Iterable[Row]) -> list[float]:
    return [error for row in rows for column in COLUMNS if (error := getattr(row, column)) is not None]
