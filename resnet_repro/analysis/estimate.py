"""Mean and standard deviation over seeds."""

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Estimate(NamedTuple):
    """Mean and sample standard deviation of `n` runs. `std` is None for a single run."""

    mean: float
    std: float | None
    n: int

    def __str__(self) -> str:
        return self.text()

    def text(self, digits: int = 2, also: Sequence[str] = ()) -> str:
        """As "15.59 ± 0.26 (n=3)", with `digits` after the decimal point; `also` follows the number of runs."""
        spread = "" if self.std is None else f" ± {self.std:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread} ({', '.join([f'n={self.n}', *also])})"


def estimate(values: Iterable[float]) -> Estimate:
    """The estimate from one or more values."""
    numbers = list(values)
    return Estimate(statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else None, len(numbers))
