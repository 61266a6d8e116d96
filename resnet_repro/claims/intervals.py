"""95 % confidence intervals of a mean, and of the difference of two (Welch), however few runs there are."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import stdtrit

from resnet_repro.analysis.estimate import Estimate
from resnet_repro.claims.verdict import Interval

LEVEL = 0.975  # of Student's t, for 95 % on both sides
SINGLE_RUN = 2.0  # standard deviations, where their size is known rather than estimated: 0.45 points between two runs


class Noise(NamedTuple):
    """A standard deviation between seeds that stands in for that of a net with too few of them."""

    std: float  # 0 for what no seed changes
    source: str
    freedom: float = math.inf  # degrees of freedom of its estimate; infinite where it is known

    @property
    def half_width(self) -> float:
        """Of the 95 % interval of one run."""
        return self.std * (SINGLE_RUN if math.isinf(self.freedom) else float(stdtrit(self.freedom, LEVEL)))


def pooled(samples: Sequence[Estimate]) -> Noise | None:
    """The common spread of several nets about their own means; None where no net has two seeds that differ."""
    several = [(sample.n - 1, sample.std) for sample in samples if sample.std is not None]
    freedom = sum(extra for extra, _ in several)
    variance = sum(extra * std**2 for extra, std in several) / freedom if several else 0.0
    nets = f"{len(several)} net{'' if len(several) == 1 else 's'} with several seeds under these conditions"
    return Noise(math.sqrt(variance), f"the pooled spread of {nets}", freedom) if variance else None


def interval(samples: Sequence[Estimate], noise: Noise | None) -> Interval | None:
    """Of the first mean, less the second if there are two.

    Each spread is estimated from that net's own seeds. Where a net has one run, or where no seed changed anything,
    `noise` stands in. Without it there is no interval.
    """
    value = samples[0].mean - (samples[1].mean if len(samples) > 1 else 0.0)
    if noise and noise.std == 0:
        return Interval(value, 0.0, "exact")
    several = all(sample.n > 1 for sample in samples)
    variances = [(sample.std or 0.0) ** 2 / sample.n for sample in samples]
    if several and sum(variances) > 0:
        error, freedom = math.sqrt(sum(variances)), _degrees_of_freedom(samples, variances)
        name = "Welch" if len(samples) > 1 else "Student's t"
        return Interval(value, float(stdtrit(freedom, LEVEL)) * error, f"95 % confidence, {name}")
    if noise is None:
        return None
    half_width = noise.half_width * math.sqrt(sum(1 / sample.n for sample in samples))
    why = "no spread between the seeds" if several else "a single run"
    return Interval(value, half_width, f"{why}: seeds taken to differ by ± {noise.std:.2g}, {noise.source}", True)


def _degrees_of_freedom(samples: Sequence[Estimate], variances: Sequence[float]) -> float:
    """Welch and Satterthwaite's."""
    return sum(variances) ** 2 / sum(
        variance**2 / (sample.n - 1) for sample, variance in zip(samples, variances, strict=True)
    )


def seeds_needed(samples: Sequence[Estimate], noise: Noise | None, distance: float) -> int | None:
    """Seeds of each net, more than now, after which an interval should be as narrow as `distance`; None if unknown."""
    spreads = [sample.std or (noise and noise.std) for sample in samples]
    if distance <= 0 or None in spreads:
        return None
    total = sum(spread**2 for spread in spreads if spread is not None)
    enough = math.ceil(SINGLE_RUN**2 * total / distance**2 - 1e-9)
    return max(enough, min(sample.n for sample in samples) + 1)
