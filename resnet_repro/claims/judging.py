"""Judges each claim under every set of conditions in which one of its nets was trained."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from resnet_repro.analysis.groups import Condition, Group, comparable_groups
from resnet_repro.analysis.known import known
from resnet_repro.analysis.measures import MEASURES
from resnet_repro.analysis.noise import CHANCE, Interval, Known, exact, holm, interval, none_wrong, spread_of
from resnet_repro.claims.missing import divergence, seeds_missing
from resnet_repro.claims.net_results import net_result, papers_result
from resnet_repro.claims.verdict import Evidence, NetResult, Outcome, Ruling, Verdict
from resnet_repro.papers import CLAIMS, Check, Claim, find_number
from resnet_repro.papers.claims import OPENING, Scope
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, TrainingSpec

LEAST_IMAGES = PAPER_STEPS * TrainingSpec().batch_size // 10  # in training, which scope "tenth" needs
POOLED: tuple[Scope, ...] = ("any", "opening")  # claims that several conditions can judge together
MOST_INFORMATIVE: tuple[Outcome, ...] = ("contradicted", "reproduced", "inconclusive", "not run")


def judge(runs: Sequence[Run], full_length: bool = False) -> list[Verdict]:
    """A verdict on each of CLAIMS, in order; `full_length` counts only runs under the papers' conditions."""
    counted = [group for group in comparable_groups(runs) if group.condition.is_papers or not full_length]
    groups = [part for group in counted for part in group.by_precision()]
    return [_verdict(claim, groups, full_length) for claim in CLAIMS.values()]


def _verdict(claim: Claim, groups: Sequence[Group], full_length: bool) -> Verdict:
    allowed = [group for group in groups if _can_judge(claim.scope, group.condition)]
    pools = [allowed] if claim.scope in POOLED else [[group] for group in allowed]
    rulings = [_ruling(claim, pool) for pool in pools if pool]
    told = [ruling for ruling in rulings if any(not s.is_absent for found in ruling.evidence for s in found.results)]
    compared = [ruling for ruling in told if ruling.outcome != "not run"]
    heaviest_first = sorted(compared or told, key=_weight, reverse=True)
    return Verdict(claim, tuple(heaviest_first), full_length)


def _weight(ruling: Ruling) -> tuple[tuple[bool, bool, int], int]:
    """The sort key of rulings: the weight of the conditions, and of equal ones that of the precision with most runs."""
    return ruling.groups[0].condition.weight, len(ruling.groups[0].runs)


def _can_judge(scope: Scope, at: Condition) -> bool:
    """Whether runs under these conditions can judge claims of a scope."""
    if at.grown or scope == "construction":
        return at.grown and scope == "construction"
    if scope == "opening":
        return at.opens_as_papers(OPENING)
    return at.is_papers or scope in ("any", "compare") or (scope == "tenth" and at.images >= LEAST_IMAGES)


def _ruling(claim: Claim, groups: Sequence[Group]) -> Ruling:
    """The ruling that judges each check by its most informative group. Nets of different groups are never compared."""
    longest_first = sorted(groups, key=lambda group: -group.condition.images)
    papers = [group for group in longest_first if group.condition.is_papers]
    among = [(check, papers if check.at_full_length else longest_first) for check in claim.checks]
    found = [min((_evidence(check, group) for group in some), key=_information) for check, some in among if some]
    evidence = _decided([one for one in found if not (one.check.at_full_length and _is_lacking(one))])
    return Ruling(claim, tuple(evidence), _combined([found.outcome for found in evidence]))


def _information(found: Evidence) -> tuple[int, bool, float]:
    """The sort key of evidence: decided first, then what an interval decides, the narrowest one before others."""
    width = found.interval.half_width if found.interval else math.inf
    return MOST_INFORMATIVE.index(found.outcome), not found.is_compared, width


def _is_lacking(found: Evidence) -> bool:
    return any(result.is_absent for result in found.results)


def _decided(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence of one ruling, each comparison decided so that the claim gets a false verdict in 5 % at most.

    All comparisons have to hold for a claim, so each that speaks for it is tested at 5 %. One alone contradicts it, so
    those that speak against it share the 5 % (Holm); comparisons that could not be made count among them too.
    """
    against = [found for found in evidence if found.is_compared and not _speaks_for(found)]
    p_values = [found.interval.p_value(nearest_bound(found)) for found in against if found.interval]
    statistical = sum(not MEASURES[found.check.measure].is_exact for found in evidence)
    chances = dict(zip(map(id, against), holm(p_values, statistical), strict=True))
    return [_decide(found, chances.get(id(found), CHANCE)) if found.is_compared else found for found in evidence]


def _speaks_for(found: Evidence) -> bool:
    """Whether the value lies within the bounds of the check."""
    assert found.interval is not None
    return found.check.low < found.interval.value < found.check.high


def _decide(found: Evidence, chance: float) -> Evidence:
    assert found.interval is not None
    found = replace(found, interval=found.interval.at(chance))
    assert found.interval is not None
    outcome = decide(found.interval, found.check)
    return replace(found, outcome=outcome, missing=seeds_missing(found) if outcome == "inconclusive" else "")


def _combined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome for a claim: one contradicted check refutes it; it is reproduced only if all checks are."""
    if "contradicted" in outcomes:
        return "contradicted"
    if all(outcome == outcomes[0] for outcome in outcomes):
        return outcomes[0]
    return "inconclusive"


def _evidence(check: Check, group: Group) -> Evidence:
    """The evidence of a group, whose outcome is open if an interval is to decide it."""
    left = net_result(group, check.net, check.measure)
    right = None
    if check.than:
        right = (papers_result if check.is_published else partial(net_result, group))(check.than, check.measure)
    results = [left] if right is None else [left, right]
    of = partial(Evidence, check, group, left, right)
    fails = _should_fail(check) and left.diverged > 0 and not left.estimate and (right is None or _has_mean(right))
    if not fails and not all(result.estimate for result in results):
        diverged = any(result.diverged for result in results)
        faults = ", ".join(result.fault for result in results if result.fault)
        return of(None, "inconclusive" if diverged else "not run", faults)
    compared = [result for result in results if result.entries]
    fields = compared[0].entries[0].training_differences(compared[-1].entries[0]) if not group.condition.grown else []
    if fields and not MEASURES[check.measure].is_exact:
        names = " and ".join(result.name for result in compared)
        return of(None, "inconclusive", f"{names} were trained differently ({', '.join(fields)})")
    if fails:
        if left.diverged > 1 or group.condition.is_papers:
            return of(None, "reproduced")
        return of(None, "inconclusive", f"a second seed is needed of {left.name}")
    accounts = [_known(result, check.measure, group) for result in results]
    found = _interval(check, results, accounts)
    if found is None:
        single = " and ".join(result.name for result in results if len(result.runs) == 1)
        return of(None, "inconclusive", f"a second seed is needed of {single}")
    if any(result.diverged for result in results[1 if _should_fail(check) else 0 :]):
        return of(found, "inconclusive", divergence(results))
    if MEASURES[check.measure].is_exact:
        return of(found, decide(found, check))
    return of(found, "inconclusive", is_compared=True, known=tuple(accounts))


def _known(result: NetResult, measure: str, group: Group) -> Known:
    assert result.estimate
    return known(group, measure, result.entries) if result.entries else Known(spread_of(result.estimate))


def _interval(check: Check, results: Sequence[NetResult], accounts: Sequence[Known]) -> Interval | None:
    measure, estimates = MEASURES[check.measure], [result.estimate for result in results if result.estimate]
    if measure.is_exact:
        return exact(estimates[0].mean - (estimates[1].mean if len(estimates) > 1 else 0.0))
    if measure.images and len(results) == 1 and not estimates[0].mean:
        return none_wrong(measure.images(results[0].runs[0]))
    return interval(estimates, accounts)


def _has_mean(result: NetResult) -> bool:
    """Whether the mean of a net is that of all its runs, as none diverged."""
    return result.estimate is not None and not result.diverged


def _should_fail(check: Check) -> bool:
    """Whether the papers only give a lower bound for the net's error. A diverged run then counts as above it.

    Like any single run, one alone decides under the papers' conditions only.
    """
    number = find_number(check.net, check.measure)
    return number is not None and number.relation == ">"


def nearest_bound(found: Evidence) -> float:
    """The bound of the check that is nearest to the value."""
    assert found.interval is not None
    value = found.interval.value
    return min((found.check.low, found.check.high), key=lambda bound: abs(value - bound))


def decide(found: Interval, check: Check) -> Outcome:
    """Reproduced if the whole interval lies within the bounds, contradicted if all of it lies outside."""
    if check.low < found.low and found.high < check.high:
        return "reproduced"
    return "contradicted" if found.high <= check.low or found.low >= check.high else "inconclusive"
