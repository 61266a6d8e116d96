"""Runs become verdicts: each claim is judged under every set of conditions in which any of its nets was trained."""

import math
import statistics
from collections.abc import Sequence

from resnet_repro.analysis import Group, comparable_groups
from resnet_repro.claims.intervals import interval, seeds_needed
from resnet_repro.claims.measures import MEASURES
from resnet_repro.claims.samples import take_sample
from resnet_repro.claims.verdict import Evidence, Interval, Outcome, Ruling, Sample, Verdict
from resnet_repro.published import CLAIMS, Check, Claim
from resnet_repro.record import Run

MOST_SEEDS = 20  # with more than that needed, it is said that the difference is too small to tell


def judge(runs: Sequence[Run], full_length: bool = False) -> list[Verdict]:
    """A verdict on each claim of the papers, in their order; `full_length` counts runs under their conditions alone."""
    groups = [group for group in comparable_groups(runs) if group.condition.is_papers or not full_length]
    return [_verdict(claim, groups) for claim in CLAIMS.values()]


def _verdict(claim: Claim, groups: Sequence[Group]) -> Verdict:
    allowed = [group for group in groups if claim.scope != "full" or group.condition.is_papers]
    rulings = [_ruling(claim, group) for group in allowed if claim.checks]
    told = [ruling for ruling in rulings if any(_was_run(s) for found in ruling.evidence for s in found.samples)]
    return Verdict(claim, tuple(sorted(told, key=_weight, reverse=True)))


def _weight(ruling: Ruling) -> tuple[bool, bool, bool, bool, int]:
    """What counts most: that anything was compared, the paper's conditions, its data, a decision, a long schedule."""
    at = ruling.group.condition
    return (
        ruling.outcome != "not run",
        at.is_papers,
        at.data == "CIFAR-10",
        ruling.outcome in ("reproduced", "contradicted"),
        at.steps * at.batch_size,
    )


def _ruling(claim: Claim, group: Group) -> Ruling:
    evidence = tuple(_evidence(check, group) for check in claim.checks)
    return Ruling(claim, group, evidence, _together([found.outcome for found in evidence]))


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """All checks must hold, and one that does not refutes the claim."""
    if "contradicted" in outcomes:
        return "contradicted"
    if all(outcome == outcomes[0] for outcome in outcomes):
        return outcomes[0]
    return "inconclusive"


def _evidence(check: Check, group: Group) -> Evidence:
    left = take_sample(group, check.net, check.measure)
    right = take_sample(group, check.than, check.measure) if check.than else None
    samples = [left] if right is None else [left, right]
    if _fails_upwards(check) and left.diverged and not left.estimate:
        return Evidence(check, left, right, None, "reproduced")
    if not all(sample.estimate for sample in samples):
        diverged = any(sample.diverged for sample in samples)
        faults = ", ".join(sample.fault for sample in samples if sample.fault)
        return Evidence(check, left, right, None, "inconclusive" if diverged else "not run", faults)
    estimates = [sample.estimate for sample in samples if sample.estimate]
    noise, source = _noise(check.measure, group)
    found = interval(estimates, noise, source)
    if found is None:
        single = " and ".join(sample.name for sample in samples if len(sample.runs) == 1)
        return Evidence(check, left, right, None, "inconclusive", f"needs a second seed of {single}")
    if not _fails_upwards(check) and any(sample.diverged for sample in samples):
        return Evidence(check, left, right, found, "inconclusive", _divergence(samples))
    outcome = decide(found, check)
    missing = "" if outcome != "inconclusive" else _seeds_missing(check, samples, found, noise)
    return Evidence(check, left, right, found, outcome, missing)


def _fails_upwards(check: Check) -> bool:
    """Whether it asks for an error above a bound, which a run that diverged has as well."""
    return check.than is None and check.measure.endswith("error_pct") and check.high == math.inf


def decide(found: Interval, check: Check) -> Outcome:
    """Reproduced if the whole interval lies within the bounds, contradicted if it lies outside of them."""
    if check.low < found.low and found.high < check.high:
        return "reproduced"
    return "contradicted" if found.high <= check.low or found.low >= check.high else "inconclusive"


def _noise(measure: str, group: Group) -> tuple[float | None, str]:
    """What stands in for the spread between seeds where there is one run: never less than nets of this group have.

    A short schedule leaves more to chance than the full one, for which the published spread is known.
    """
    known = MEASURES[measure].seed_noise
    if known == 0:
        return 0.0, ""
    spreads = []
    for entry in group.entries:
        values = [value for run in entry.finished if (value := MEASURES[measure].of(run)) is not None]
        if len(values) > 1:
            source = f"the largest spread of a net under these conditions ({entry.name})"
            spreads.append((statistics.stdev(values), source))
    if known is not None:
        spreads.append((known, "as published for ResNet-110 at full length"))
    return max(spreads, default=(None, ""), key=lambda spread: spread[0])


def _divergence(samples: Sequence[Sample]) -> str:
    return ", ".join(
        f"{sample.name} diverged in {sample.diverged} of {sample.diverged + len(sample.runs)} runs"
        for sample in samples
        if sample.diverged
    )


def _seeds_missing(check: Check, samples: Sequence[Sample], found: Interval, noise: float | None) -> str:
    """How many seeds would tell, or that no reasonable number would."""
    nearest = min((abs(found.value - bound) for bound in (check.low, check.high) if math.isfinite(bound)), default=0.0)
    needed = seeds_needed([sample.estimate for sample in samples if sample.estimate], noise, nearest)
    what = f"{found.value:+.2f} ± {found.half_width:.2f}"
    short = [sample for sample in samples if needed and len(sample.runs) < needed]
    if needed is None or needed > MOST_SEEDS:
        return f"{what} is too close to tell, with {MOST_SEEDS} seeds of each as well"
    more = " and ".join(_more_seeds(needed - len(sample.runs), sample.name) for sample in short)
    return f"{what} is too close to tell; needs about {more}"


def _more_seeds(count: int, name: str) -> str:
    return f"{count} more seed{'' if count == 1 else 's'} of {name}"


def _was_run(sample: Sample) -> bool:
    return bool(sample.runs) or sample.diverged > 0
