"""Judges each claim under every set of conditions in which one of its nets was trained."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.groups import Condition, Group, comparable_groups
from resnet_repro.claims import wording
from resnet_repro.claims.intervals import Noise, interval, pooled, seeds_needed
from resnet_repro.claims.measures import MEASURES
from resnet_repro.claims.net_results import net_result, training_differences
from resnet_repro.claims.verdict import Evidence, Interval, NetResult, Outcome, Ruling, Verdict
from resnet_repro.papers import CLAIMS, Check, Claim, find_number
from resnet_repro.papers.claims import Scope
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, TrainingSpec
from resnet_repro.text_tables import counted

LEAST_IMAGES = PAPER_STEPS * TrainingSpec().batch_size // 10  # in training, which scope "tenth" needs
MOST_INFORMATIVE: tuple[Outcome, ...] = ("contradicted", "reproduced", "inconclusive", "not run")
MOST_SEEDS = 20  # if more are needed, the verdict says that the difference is too small


def judge(runs: Sequence[Run], full_length: bool = False) -> list[Verdict]:
    """A verdict on each of CLAIMS, in order; `full_length` counts only runs under the papers' conditions."""
    groups = [group for group in comparable_groups(runs) if group.condition.is_papers or not full_length]
    return [_verdict(claim, groups, full_length) for claim in CLAIMS.values()]


def _verdict(claim: Claim, groups: Sequence[Group], full_length: bool) -> Verdict:
    allowed = [group for group in groups if _can_judge(claim.scope, group.condition)]
    pools = [allowed] if claim.scope == "any" else [[group] for group in allowed]
    rulings = [_ruling(claim, pool) for pool in pools if pool]
    told = [ruling for ruling in rulings if any(not s.is_absent for found in ruling.evidence for s in found.results)]
    compared = [ruling for ruling in told if ruling.outcome != "not run"]
    return Verdict(claim, tuple(sorted(compared or told, key=_weight, reverse=True)), full_length)


def _can_judge(scope: Scope, at: Condition) -> bool:
    """Whether runs under these conditions can judge claims of a scope."""
    return at.is_papers or scope in ("any", "compare") or (scope == "tenth" and at.images >= LEAST_IMAGES)


def _weight(ruling: Ruling) -> tuple[bool, bool, bool, int]:
    """The sort key of rulings: the paper's conditions, its data, a decision, the longest schedule."""
    at = ruling.groups[0].condition
    return (
        at.is_papers,
        at.data == "CIFAR-10",
        ruling.outcome in ("reproduced", "contradicted"),
        at.images,
    )


def _ruling(claim: Claim, groups: Sequence[Group]) -> Ruling:
    """The ruling that judges each check by its most informative group. Nets of different groups are never compared."""
    longest_first = sorted(groups, key=lambda group: -group.condition.images)
    evidence = tuple(
        min(
            (_evidence(check, group) for group in longest_first),
            key=lambda found: MOST_INFORMATIVE.index(found.outcome),
        )
        for check in claim.checks
        if not check.at_full_length or all(group.condition.is_papers for group in groups)
    )
    return Ruling(claim, evidence, _combined([found.outcome for found in evidence]))


def _combined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome for a claim: one contradicted check refutes it; it is reproduced only if all checks are."""
    if "contradicted" in outcomes:
        return "contradicted"
    if all(outcome == outcomes[0] for outcome in outcomes):
        return outcomes[0]
    return "inconclusive"


def _evidence(check: Check, group: Group) -> Evidence:
    left = net_result(group, check.net, check.measure)
    right = net_result(group, check.than, check.measure) if check.than else None
    results = [left] if right is None else [left, right]
    of = partial(Evidence, check, group, left, right)
    if _should_fail(check) and left.diverged and not left.estimate and (right is None or right.estimate):
        return of(None, "reproduced")
    if not all(result.estimate for result in results):
        diverged = any(result.diverged for result in results)
        faults = ", ".join(result.fault for result in results if result.fault)
        return of(None, "inconclusive" if diverged else "not run", faults)
    if right and not MEASURES[check.measure].is_exact and (fields := training_differences(left, right)):
        return of(None, "inconclusive", f"{left.name} and {right.name} were trained differently ({', '.join(fields)})")
    estimates = [result.estimate for result in results if result.estimate]
    noise = _noise(check.measure, group)
    found = interval(estimates, noise)
    if found is None:
        single = " and ".join(result.name for result in results if len(result.runs) == 1)
        return of(None, "inconclusive", f"needs a second seed of {single}")
    if any(result.diverged for result in results[1 if _should_fail(check) else 0 :]):
        return of(found, "inconclusive", _divergence(results))
    evidence = of(found, decide(found, check))
    if evidence.outcome == "inconclusive":
        return replace(evidence, missing=_seeds_missing(evidence, noise))
    return evidence


def _should_fail(check: Check) -> bool:
    """Whether the papers only give a lower bound for the net's error. A diverged run then counts as above it."""
    number = find_number(check.net, check.measure)
    return number is not None and number.relation == ">"


def decide(found: Interval, check: Check) -> Outcome:
    """Reproduced if the whole interval lies within the bounds, contradicted if all of it lies outside."""
    if check.low < found.low and found.high < check.high:
        return "reproduced"
    return "contradicted" if found.high <= check.low or found.low >= check.high else "inconclusive"


def _noise(measure: str, group: Group) -> Noise | None:
    """The spread between seeds to assume for a single run: the published or this group's pooled one, if larger.

    The published spread is that of the full schedule; runs of a short one differ more.
    """
    known = MEASURES[measure].seed_noise
    published = None if known is None else Noise(known, "as published for the test error of ResNet-110")
    if MEASURES[measure].is_exact:
        return published
    values = [[v for run in entry.finished if (v := MEASURES[measure].of(run)) is not None] for entry in group.entries]
    ours = pooled([estimate(found) for found in values if found])
    return max((noise for noise in (ours, published) if noise), default=None, key=lambda noise: noise.std)


def _divergence(results: Sequence[NetResult]) -> str:
    return ", ".join(
        f"{result.name} diverged in {result.diverged} of {counted(result.diverged + len(result.runs), 'run')}"
        for result in results
        if result.diverged
    )


def _seeds_missing(evidence: Evidence, noise: Noise | None) -> str:
    """How many more seeds would decide a check, or that no reasonable number would."""
    check, results, found = evidence.check, evidence.results, evidence.interval
    assert found is not None
    nearest = min((abs(found.value - bound) for bound in (check.low, check.high) if math.isfinite(bound)), default=0.0)
    needed = seeds_needed([result.estimate for result in results if result.estimate], noise, nearest)
    what = f"{wording.question(evidence)} is too close to tell ({wording.difference(evidence)})"
    short = [result for result in results if needed and len(result.runs) < needed]
    if needed is None or needed > MOST_SEEDS:
        return f"{what}, even with {MOST_SEEDS} seeds{' of each' if evidence.right else ''}"
    more = " and ".join(f"{counted(needed - len(result.runs), 'more seed')} of {result.name}" for result in short)
    return f"{what}; needs about {more}"
