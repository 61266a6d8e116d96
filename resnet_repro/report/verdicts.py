"""The verdicts as plain values for the template."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from resnet_repro.claims import OUTCOMES, Evidence, Ruling, Verdict, wording


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """The number of claims by outcome, also for outcomes that no claim has."""
    found = Counter[str](verdict.outcome for verdict in verdicts)
    return {outcome: found[outcome] for outcome in OUTCOMES}


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict with its rulings and their evidence."""
    return {**wording.heading(verdict), "rulings": [_ruling(ruling) for ruling in verdict.rulings]}


def _ruling(ruling: Ruling) -> dict[str, Any]:
    shown = [found for found in ruling.evidence if any(result.estimate or result.diverged for result in found.results)]
    runs = {run.path.as_posix(): None for found in shown for result in found.results for run in result.runs}
    return {
        "outcome": ruling.outcome,
        "setting": ruling.setting,
        "conditions": [group.title().replace("\n", " · ") for group in ruling.groups],
        "missing": ruling.missing,
        "evidence": [_evidence(found) for found in shown],
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
