"""What an inconclusive comparison needs: how many more seeds, if so many exist."""

import math
from collections.abc import Sequence

from resnet_repro.analysis.more_seeds import MOST_SEEDS, in_words, seeds_needed, still_missing
from resnet_repro.claims import wording
from resnet_repro.claims.verdict import Evidence, NetResult
from resnet_repro.text_tables import counted


def divergence(results: Sequence[NetResult]) -> str:
    return ", ".join(
        f"{result.name} diverged in {result.diverged} of {counted(result.diverged + len(result.runs), 'run')}"
        for result in results
        if result.diverged
    )


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
        return f"{what}, even with {max(MOST_SEEDS, *counts)} seeds{' of each' if len(ours) > 1 else ''}"
    more = in_words(still_missing(needed, {result.name: len(result.runs) for result in ours}))
    return f"{what}; about {more} would decide it, if the difference stays"
