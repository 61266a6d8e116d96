"""95 % confidence intervals: of a mean (Student's t), of a difference of means (Welch), and of single runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import stdtrit

from resnet_repro.analysis.estimate import Estimate
from resnet_repro.claims.verdict import Interval
from resnet_repro.text_tables import counted

LEVEL = 0.975  # the quantile of Student's t for a two-sided 95 % interval
SINGLE_RUN = 2.0  # half-width in standard deviations if these are known; for 0.16 points and two runs that is 0.45


class Noise(NamedTuple):
    """A standard deviation between seeds, used for a net that has too few seeds to estimate its own."""

    std: float  # 0 for a measure that no seed changes
    source: str
    freedom: float = math.inf  # degrees of freedom of the estimate; infinite if the value is known

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval of one run."""
        return self.std * (SINGLE_RUN if math.isinf(self.freedom) else float(stdtrit(self.freedom, LEVEL)))


def pooled(estimates: Sequence[Estimate]) -> Noise | None:
    """The pooled standard deviation of several nets about their own means; None if no net has two different seeds."""
    several = [(estimate.n - 1, estimate.std) for estimate in estimates if estimate.std is not None]
    freedom = sum(extra for extra, _ in several)
    variance = sum(extra * std**2 for extra, std in several) / freedom if several else 0.0
    nets = f"{counted(len(several), 'net')} with several seeds under these conditions"
    return Noise(math.sqrt(variance), f"the pooled spread of {nets}", freedom) if variance else None


def interval(estimates: Sequence[Estimate], noise: Noise | None) -> Interval | None:
    """The 95 % interval of one mean, or of the first mean minus the second.

    The spread of each net is estimated from its own seeds. If a net has one run, or if all seeds gave the same value,
    `noise` is used instead; without `noise` the result is None then.
    """
    value = estimates[0].mean - (estimates[1].mean if len(estimates) > 1 else 0.0)
    if noise and noise.std == 0:
        return Interval(value, 0.0, "exact")
    several = all(estimate.n > 1 for estimate in estimates)
    variances = [(estimate.std or 0.0) ** 2 / estimate.n for estimate in estimates]
    if several and sum(variances) > 0:
        error, freedom = math.sqrt(sum(variances)), _degrees_of_freedom(estimates, variances)
        name = "Welch" if len(estimates) > 1 else "Student's t"
        return Interval(value, float(stdtrit(freedom, LEVEL)) * error, f"95 % confidence, {name}")
    if noise is None:
        return None
    half_width = noise.half_width * math.sqrt(sum(1 / estimate.n for estimate in estimates))
    why = "no spread between the seeds" if several else "a single run"
    return Interval(value, half_width, f"{why}: seeds taken to differ by ± {noise.std:.2g}, {noise.source}", True)


def _degrees_of_freedom(estimates: Sequence[Estimate], variances: Sequence[float]) -> float:
    """By the Welch-Satterthwaite equation."""
    return sum(variances) ** 2 / sum(
        variance**2 / (estimate.n - 1) for estimate, variance in zip(estimates, variances, strict=True)
    )


MOST_ROOT = 1000.0  # of the number of seeds; nobody trains a million


def seeds_needed(estimates: Sequence[Estimate], noise: Noise | None, distance: float) -> int | None:
    """How many seeds each net needs for a half-width of `distance`, more than it has now; None if unknown or absurd."""
    spreads = [estimate.std or (noise and noise.std) for estimate in estimates]
    if distance <= 0 or None in spreads:
        return None
    root = SINGLE_RUN * math.hypot(*(spread for spread in spreads if spread is not None)) / distance
    if root > MOST_ROOT:
        return None
    enough = math.ceil(root**2 - 1e-9)
    return max(enough, min(estimate.n for estimate in estimates) + 1)
