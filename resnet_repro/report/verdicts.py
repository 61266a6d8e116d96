"""Verdicts as the rows of the page."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from resnet_repro.claims import Evidence, Ruling, Verdict, wording


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims have each outcome; all outcomes are there."""
    found = Counter[str](verdict.outcome for verdict in verdicts)
    return {outcome: found[outcome] for outcome in ("reproduced", "contradicted", "inconclusive", "not run")}


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    return {**wording.heading(verdict), "rulings": [_ruling(ruling) for ruling in verdict.rulings]}


def _ruling(ruling: Ruling) -> dict[str, Any]:
    told = [found for found in ruling.evidence if any(result.estimate or result.diverged for result in found.results)]
    runs = {run.path.as_posix(): None for found in told for result in found.results for run in result.runs}
    return {
        "outcome": ruling.outcome,
        "setting": ruling.setting,
        "conditions": [group.title().replace("\n", " · ") for group in ruling.groups],
        "missing": ruling.missing,
        "evidence": [_evidence(found) for found in told],
        "runs": list(runs),
    }


def _evidence(found: Evidence) -> dict[str, str]:
    return {
        "question": wording.question(found),
        "ours": wording.measured(found),
        "difference": wording.difference(found),
        "basis": found.interval.basis if found.interval else "",
        "published": wording.published(found),
        "outcome": found.outcome,
    }
