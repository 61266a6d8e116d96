"""The one account of noise: how much seeds differ, and the confidence interval of a mean or a difference of means.

The spread of a net between its own seeds is moderated by what else is known under the same conditions, as in limma
(Smyth 2004, "Linear models and empirical Bayes methods"). docs/statistics.md explains and tests it. All functions but
`interval` also take arrays, so that docs/simulate.py tests these lines and no copy of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from resnet_repro.analysis.estimate import Estimate

CHANCE = 0.05  # of an interval to miss the true value, and of a claim to get a false verdict
MOST_PRIOR = 2.0  # degrees of freedom that other nets and the papers count for at most; the simulation chose it
MOST_DIGITS = 6  # after the decimal point
Values = Any  # a float, or an array of one value for each simulated group


class Spread(NamedTuple):
    """A variance between seeds and the degrees of freedom from which it is known; 0 and 0 if it is not."""

    variance: Values
    freedom: Values


UNKNOWN = Spread(0.0, 0.0)
BORROWED = "†"  # marks the interval of a net with a single run
ABOUT_BORROWED = (
    f"{BORROWED} A net has a single run. Its spread is taken to be that of other nets with several seeds under these "
    "conditions, and under the papers' own also the published one of ResNet-110."
)
PUBLISHED = Spread(0.16**2, 4.0)  # of the final test error of ResNet-110 in %, five seeds, [R] Table 6


def spread_of(estimate: Estimate, resolution: float = 0.0) -> Spread:
    """The spread of a net's own seeds, not below that of values rounded to multiples of `resolution`."""
    if estimate.std is None:
        return UNKNOWN
    return Spread(max(estimate.std**2, resolution**2 / 12), estimate.n - 1.0)


def pooled(spreads: Iterable[Spread]) -> Spread:
    """The common spread of several nets about their own means."""
    squares, freedom = 0.0, 0.0
    for spread in spreads:
        squares, freedom = squares + spread.variance * spread.freedom, freedom + spread.freedom
    return Spread(squares / np.where(freedom > 0, freedom, 1.0), freedom)


def moderated(own: Spread, prior: Spread) -> Spread:
    """A net's own spread, averaged with a prior one by degrees of freedom.

    The prior counts for MOST_PRIOR degrees of freedom at most. As nets differ in their spread, it counts for fewer the
    more it disagrees with the net's own seeds: by the ratio of the variances if their spread is larger, only by that of
    the standard deviations if it is smaller, as few seeds often agree by chance.
    """
    excess = np.where(own.freedom > 0, own.variance / np.where(prior.variance > 0, prior.variance, 1.0), 1.0)
    agreement = np.where(excess > 1, 1 / np.maximum(excess, 1.0), np.sqrt(excess))
    return pooled([Spread(prior.variance, np.minimum(prior.freedom, MOST_PRIOR) * agreement), own])


def error_of(spreads: Sequence[Spread], counts: Sequence[int]) -> Spread:
    """The variance of a mean over `counts[0]` seeds, or of a difference of two means.

    Its degrees of freedom are the fewer of both nets': each net's prior holds the other's seeds, so the two spreads are
    not independent, as the equation of Welch and Satterthwaite assumes.
    """
    variance = sum(spread.variance / count for spread, count in zip(spreads, counts, strict=True))
    freedom = spreads[0].freedom
    for spread in spreads[1:]:
        freedom = np.minimum(freedom, spread.freedom)
    return Spread(variance, freedom)


def half_width(error: Spread, chance: Values = CHANCE) -> Values:
    """Half the width of the interval that misses the true value with that chance, by Student's t."""
    return stdtrit(error.freedom, 1 - chance / 2) * np.sqrt(error.variance)


def two_sided_p(distance: Values, error: Spread) -> Values:
    """The chance of an estimate at least this far, on either side, from a true value."""
    return 2 * stdtr(error.freedom, -np.abs(distance) / np.sqrt(error.variance))


def holm(p_values: Sequence[float], count: int) -> list[float]:
    """The chance of error that Holm (1979) allows each of `count` comparisons, those without a p-value included.

    The smallest p-value is compared with CHANCE / count, the next with CHANCE / (count - 1), and so on. From the first
    that is larger than its level on, all have that level.
    """
    levels = [CHANCE] * len(p_values)
    level, failed = CHANCE, False
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        level = level if failed else CHANCE / max(count - rank, 1)
        failed = failed or p_values[index] >= level
        levels[index] = level
    return levels


@dataclass(frozen=True)
class Interval:
    """A value or a difference of two, with its confidence interval, which misses the true one with `chance`."""

    value: float
    error: Spread
    basis: str  # what is known of the spread between seeds, and from where
    borrowed: bool = False  # whether a net has a single run, so that its spread comes from others
    chance: float = CHANCE
    images: int = 0  # if positive, `value` is an error of 0 % of so many images, and the interval is binomial

    @property
    def half_width(self) -> float:
        if self.images:
            return 100 * (1 - (self.chance / 2) ** (1 / self.images))
        return float(half_width(self.error, self.chance)) if self.error.variance else 0.0

    @property
    def low(self) -> float:
        return self.value - self.half_width

    @property
    def high(self) -> float:
        return self.value + self.half_width

    def p_value(self, bound: float) -> float:
        """The two-sided p-value of the bound being the true value."""
        if self.images:
            return 2 * max(0.0, 1 - max(bound, 0.0) / 100) ** self.images
        return float(two_sided_p(self.value - bound, self.error)) if self.error.variance else 0.0

    def at(self, chance: float) -> "Interval":
        """The same with another chance to miss the true value."""
        return replace(self, chance=chance)


@dataclass(frozen=True)
class Known:
    """What is known of a net's spread: its own seeds, those of others under the same conditions, the papers'."""

    own: Spread
    others: tuple[Spread, ...] = ()  # only of nets with several seeds
    published: Spread = UNKNOWN

    @property
    def spread(self) -> Spread:
        """The moderated spread; without degrees of freedom if nothing is known."""
        return moderated(self.own, pooled([*self.others, self.published]))


def interval(estimates: Sequence[Estimate], known: Sequence[Known]) -> Interval | None:
    """The 95 % interval of a mean, or of the first mean minus the second; None if the spread of a net is unknown."""
    spreads = [one.spread for one in known]
    if not all(spread.freedom > 0 for spread in spreads):
        return None
    value = estimates[0].mean - (estimates[1].mean if len(estimates) > 1 else 0.0)
    error = Spread(*map(float, error_of(spreads, [estimate.n for estimate in estimates])))
    borrowed = any(estimate.n == 1 for estimate in estimates)
    return Interval(value, error, _basis(known, spreads, error.freedom), borrowed)


def interval_text(found: Interval, bounds: Iterable[float], digits: int, sign: str = "") -> str:
    """As "44.59 ± 0.81", with as many digits as show on which side of the bounds the interval ends."""
    bounds = list(bounds)
    while digits < MOST_DIGITS and _hides_a_side(found, bounds, digits):
        digits += 1
    return f"{found.value:{sign}z.{digits}f} ± {found.half_width:.{digits}f}"


def _hides_a_side(found: Interval, bounds: Iterable[float], digits: int) -> bool:
    """Whether an end of the rounded interval seems to be on another side of a bound, or on the bound."""
    value, width = round(found.value, digits), round(found.half_width, digits)
    return any(
        (end > bound, end < bound) != (round(shown - bound, 9) > 0, round(shown - bound, 9) < 0)
        for bound in bounds
        for end, shown in ((found.low, value - width), (found.high, value + width))
    )


def exact(value: float) -> Interval:
    """The interval of a value that no seed changes."""
    return Interval(value, Spread(0.0, math.inf), "exact")


def none_wrong(images: int) -> Interval:
    """The binomial interval of an error of 0 % if none of so many images was classified wrongly."""
    return Interval(0.0, Spread(0.0, math.inf), f"binomial: none of {images:,} images is wrong", images=images)


def _basis(known: Sequence[Known], spreads: Sequence[Spread], freedom: float) -> str:
    stds = " and ".join(f"± {math.sqrt(spread.variance):.2g}" for spread in spreads)
    others = max(len(one.others) for one in known)
    sources = ["their own seeds" if len(known) > 1 else "its own seeds"] * any(one.own.freedom for one in known)
    sources += [f"{others} other net{'s' * (others > 1)} under these conditions"] * (others > 0)
    sources += ["the published spread of ResNet-110"] * any(one.published.freedom for one in known)
    return f"seeds differ by {stds} (standard deviation), from {', '.join(sources)}; {freedom:.1f} degrees of freedom"
