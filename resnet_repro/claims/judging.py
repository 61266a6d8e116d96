"""Runs become verdicts: each claim is judged under every set of conditions in which any of its nets was trained."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.groups import Condition, Group, comparable_groups
from resnet_repro.claims import wording
from resnet_repro.claims.intervals import Noise, interval, pooled, seeds_needed
from resnet_repro.claims.measures import MEASURES
from resnet_repro.claims.samples import take_sample, trained_unlike
from resnet_repro.claims.verdict import Evidence, Interval, Outcome, Ruling, Sample, Verdict
from resnet_repro.papers import CLAIMS, Check, Claim, find_number
from resnet_repro.papers.claims import Scope
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, TrainingSpec

LEAST_IMAGES = PAPER_STEPS * TrainingSpec().batch_size // 10  # seen in training, of scope "tenth"
TELLS_MOST: tuple[Outcome, ...] = ("contradicted", "reproduced", "inconclusive", "not run")
MOST_SEEDS = 20  # with more than that needed, it is said that the difference is too small to tell


def judge(runs: Sequence[Run], full_length: bool = False) -> list[Verdict]:
    """A verdict on each claim of the papers, in their order; `full_length` counts runs under their conditions alone."""
    groups = [group for group in comparable_groups(runs) if group.condition.is_papers or not full_length]
    return [_verdict(claim, groups, full_length) for claim in CLAIMS.values()]


def _verdict(claim: Claim, groups: Sequence[Group], full_length: bool) -> Verdict:
    allowed = [group for group in groups if _can_tell(claim.scope, group.condition)]
    pools = [allowed] if claim.scope == "any" else [[group] for group in allowed]
    rulings = [_ruling(claim, pool) for pool in pools if pool]
    told = [ruling for ruling in rulings if any(not s.is_absent for found in ruling.evidence for s in found.samples)]
    compared = [ruling for ruling in told if ruling.outcome != "not run"]
    return Verdict(claim, tuple(sorted(compared or told, key=_weight, reverse=True)), full_length)


def _can_tell(scope: Scope, at: Condition) -> bool:
    """Whether runs of that length can judge claims of that scope."""
    return at.is_papers or scope in ("any", "compare") or (scope == "tenth" and at.images >= LEAST_IMAGES)


def _weight(ruling: Ruling) -> tuple[bool, bool, bool, int]:
    """What counts most: the paper's conditions, its data, a decision, a long schedule."""
    at = ruling.groups[0].condition
    return (
        at.is_papers,
        at.data == "CIFAR-10",
        ruling.outcome in ("reproduced", "contradicted"),
        at.images,
    )


def _ruling(claim: Claim, groups: Sequence[Group]) -> Ruling:
    """Each check by the group that tells most of it; nets of different groups are never compared."""
    longest_first = sorted(groups, key=lambda group: -group.condition.images)
    evidence = tuple(
        min((_evidence(check, group) for group in longest_first), key=lambda found: TELLS_MOST.index(found.outcome))
        for check in claim.checks
        if not check.at_full_length or all(group.condition.is_papers for group in groups)
    )
    return Ruling(claim, evidence, _together([found.outcome for found in evidence]))


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
    of = partial(Evidence, check, group, left, right)
    if _is_to_fail(check) and left.diverged and not left.estimate and (right is None or right.estimate):
        return of(None, "reproduced")
    if not all(sample.estimate for sample in samples):
        diverged = any(sample.diverged for sample in samples)
        faults = ", ".join(sample.fault for sample in samples if sample.fault)
        return of(None, "inconclusive" if diverged else "not run", faults)
    if right and not MEASURES[check.measure].is_exact and (unlike := trained_unlike(left, right)):
        return of(None, "inconclusive", f"{left.name} and {right.name} were trained unlike ({', '.join(unlike)})")
    estimates = [sample.estimate for sample in samples if sample.estimate]
    noise = _noise(check.measure, group)
    found = interval(estimates, noise)
    if found is None:
        single = " and ".join(sample.name for sample in samples if len(sample.runs) == 1)
        return of(None, "inconclusive", f"needs a second seed of {single}")
    if any(sample.diverged for sample in samples[1 if _is_to_fail(check) else 0 :]):
        return of(found, "inconclusive", _divergence(samples))
    evidence = of(found, decide(found, check))
    if evidence.outcome == "inconclusive":
        return replace(evidence, missing=_seeds_missing(evidence, noise))
    return evidence


def _is_to_fail(check: Check) -> bool:
    """Whether the papers say of its net only that the error is above a bound, which a run that diverged has as well."""
    number = find_number(check.net, check.measure)
    return number is not None and number.relation == ">"


def decide(found: Interval, check: Check) -> Outcome:
    """Reproduced if the whole interval lies within the bounds, contradicted if it lies outside of them."""
    if check.low < found.low and found.high < check.high:
        return "reproduced"
    return "contradicted" if found.high <= check.low or found.low >= check.high else "inconclusive"


def _noise(measure: str, group: Group) -> Noise | None:
    """What stands in for the spread between seeds where there is one run: never less than nets of this group have.

    A short schedule leaves more to chance than the full one, for which the published spread is known.
    """
    known = MEASURES[measure].seed_noise
    published = None if known is None else Noise(known, "as published for the test error of ResNet-110")
    if MEASURES[measure].is_exact:
        return published
    values = [[v for run in entry.finished if (v := MEASURES[measure].of(run)) is not None] for entry in group.entries]
    ours = pooled([estimate(found) for found in values if found])
    return max((noise for noise in (ours, published) if noise), default=None, key=lambda noise: noise.std)


def _divergence(samples: Sequence[Sample]) -> str:
    return ", ".join(
        f"{sample.name} diverged in {sample.diverged} of {sample.diverged + len(sample.runs)} runs"
        for sample in samples
        if sample.diverged
    )


def _seeds_missing(evidence: Evidence, noise: Noise | None) -> str:
    """How many seeds would tell, or that no reasonable number would."""
    check, samples, found = evidence.check, evidence.samples, evidence.interval
    assert found is not None
    nearest = min((abs(found.value - bound) for bound in (check.low, check.high) if math.isfinite(bound)), default=0.0)
    needed = seeds_needed([sample.estimate for sample in samples if sample.estimate], noise, nearest)
    what = f"{wording.question(evidence)} is too close to tell ({wording.difference(evidence)})"
    short = [sample for sample in samples if needed and len(sample.runs) < needed]
    if needed is None or needed > MOST_SEEDS:
        return f"{what}, even with {MOST_SEEDS} seeds{' of each' if evidence.right else ''}"
    more = " and ".join(_more_seeds(needed - len(sample.runs), sample.name) for sample in short)
    return f"{what}; needs about {more}"


def _more_seeds(count: int, name: str) -> str:
    return f"{count} more seed{'' if count == 1 else 's'} of {name}"
