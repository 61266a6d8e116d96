"""What an inconclusive comparison needs: how many more seeds, if so many exist."""

import math
from collections.abc import Sequence
from dataclasses import replace

from resnet_repro.analysis.noise import Known, Spread, error_of, half_width
from resnet_repro.claims import wording
from resnet_repro.claims.verdict import Evidence, NetResult
from resnet_repro.text_tables import counted

MOST_SEEDS = 20  # if more are needed, the verdict says that the difference is too small


def divergence(results: Sequence[NetResult]) -> str:
    return ", ".join(
        f"{result.name} diverged in {result.diverged} of {counted(result.diverged + len(result.runs), 'run')}"
        for result in results
        if result.diverged
    )


def seeds_needed(
    known: Sequence[Known], counts: Sequence[int], fixed: Sequence[bool], distance: float, chance: float
) -> int | None:
    """The least number of seeds of each net for an interval narrower than `distance` on each side.

    It supposes that the spreads stay as they are, and gives more seeds to the nets that are not `fixed`. None if
    MOST_SEEDS of each are not enough.
    """
    for seeds in range(min(counts) + 1, MOST_SEEDS + 1):
        wanted = [count if stays else max(count, seeds) for count, stays in zip(counts, fixed, strict=True)]
        spreads = [_after(one, count) for one, count in zip(known, wanted, strict=True)]
        if half_width(error_of(spreads, wanted), chance) < distance:
            return seeds
    return None


def _after(one: Known, count: int) -> Spread:
    """The spread of a net with `count` seeds that differ as much as its own do, or else as others do."""
    variance = one.own.variance if one.own.freedom else one.spread.variance
    return replace(one, own=Spread(variance, float(count - 1))).spread


def seeds_missing(found: Evidence) -> str:
    """How many more seeds would decide a comparison, or that no reasonable number would."""
    check, results = found.check, found.results
    assert found.interval is not None
    what = f"{wording.question(found)} is too close to tell ({wording.difference(found)})"
    ours = [result for result in results if result.entries]
    distance = min(abs(found.interval.value - bound) for bound in (check.low, check.high) if math.isfinite(bound))
    counts = [len(result.runs) if result.entries else result.estimate.n for result in results if result.estimate]
    fixed = [not result.entries for result in results]
    needed = seeds_needed(found.known, counts, fixed, distance, found.interval.chance)
    if needed is None:
        return f"{what}, even with {MOST_SEEDS} seeds{' of each' if len(ours) > 1 else ''}"
    short = [result for result in ours if len(result.runs) < needed]
    more = " and ".join(f"{counted(needed - len(result.runs), 'more seed')} of {result.name}" for result in short)
    return f"{what}; about {more} would decide it, if the difference stays"
