"""How many more seeds an undecided comparison needs, if the difference and the spreads stay as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from resnet_repro.analysis.noise import Known, Spread, error_of, half_width
from resnet_repro.text_tables import counted

MOST_SEEDS = 20  # if more are needed, the difference is said to be too small


def seeds_needed(
    known: Sequence[Known], counts: Sequence[int], fixed: Sequence[bool], distance: float, chance: float
) -> int | None:
    """The least number of seeds of each net for an interval narrower than `distance` on each side.

    It supposes that the spreads stay as they are, and gives more seeds to the nets that are not `fixed`. None if
    MOST_SEEDS of each, or as many as one of them has, are not enough.
    """
    for seeds in range(min(counts) + 1, max(MOST_SEEDS, *counts) + 1):
        wanted = [count if stays else max(count, seeds) for count, stays in zip(counts, fixed, strict=True)]
        spreads = [_after(one, count) for one, count in zip(known, wanted, strict=True)]
        if half_width(error_of(spreads, wanted), chance) < distance:
            return seeds
    return None


def _after(one: Known, count: int) -> Spread:
    """The spread of a net with `count` seeds that differ as much as its own do, or else as others do."""
    variance = one.own.variance if one.own.freedom else one.spread.variance
    return replace(one, own=Spread(variance, float(count - 1))).spread


def still_missing(needed: int, counts: Mapping[str, int]) -> dict[str, int]:
    """How many seeds of each net are missing, of those that have too few."""
    return {net: needed - count for net, count in counts.items() if count < needed}


def in_words(missing: Mapping[str, int]) -> str:
    """As "3 more seeds of plain-20 and 1 more seed of plain-56"."""
    return " and ".join(f"{counted(count, 'more seed')} of {net}" for net, count in missing.items())
