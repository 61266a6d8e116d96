"""Mean and spread over seeds."""

import statistics
from collections.abc import Iterable
from typing import NamedTuple


class Estimate(NamedTuple):
    """Mean and sample standard deviation (None for a single run) over n runs."""

    mean: float
    std: float | None
    n: int

    def __str__(self) -> str:
        return self.text()

    def text(self, digits: int = 2) -> str:
        """ "15.59 ± 0.26 (n=3)", with that many digits after the point."""
        spread = "" if self.std is None else f" ± {self.std:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread} (n={self.n})"


def estimate(values: Iterable[float]) -> Estimate:
    """Summarise at least one value."""
    numbers = list(values)
    return Estimate(statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else None, len(numbers))
