"""Puts verdicts and their evidence into words, for terminals and for the report."""

import math

from resnet_repro.analysis.measures import MEASURES
from resnet_repro.analysis.noise import interval_text
from resnet_repro.claims.verdict import Evidence, NetResult, Verdict
from resnet_repro.papers import Check, Number, find_number


def outcome(verdict: Verdict) -> str:
    """The outcome and how the conditions differ from the paper's: "reproduced (short schedule)"."""
    return f"{verdict.outcome} ({verdict.setting})" if verdict.setting else verdict.outcome


def heading(verdict: Verdict) -> dict[str, str]:
    """The fields of a verdict without its evidence."""
    claim = verdict.claim
    return {
        "id": claim.id,
        "statement": claim.statement,
        "source": claim.source,
        "outcome": verdict.outcome,
        "setting": verdict.setting,
        "missing": verdict.missing,
        "remark": claim.remark,
    }


def question(evidence: Evidence) -> str:
    """The inequality of a check: "test error: plain-56 > plain-20"."""
    check, names = evidence.check, [result.name for result in evidence.results]
    label = evidence.group.condition.labels.get(check.measure, MEASURES[check.measure].label)
    if len(names) == 1:
        return f"{label}: {names[0]} {_bounds(check)}"
    if math.isinf(check.high):
        return f"{label}: {' > '.join(names)}" + (f" by more than {check.low:g}" if check.low else "")
    if math.isinf(check.low):
        return f"{label}: {' < '.join(names)}"
    return f"{label}: {' = '.join(names)}" if MEASURES[check.measure].is_exact else (
        f"{label}: {' within '.join([names[0], f'{check.high:g} of {names[1]}'])}"
    )  # fmt: skip


def _bounds(check: Check) -> str:
    if math.isinf(check.high):
        return f"> {check.low:g}"
    return f"< {check.high:g}" if math.isinf(check.low) else f"from {check.low:g} to {check.high:g}"


def measured(evidence: Evidence) -> str:
    """Our values: "58.63 (n=1) − 14.04 ± 0.35 (n=3)"."""
    return " − ".join(result_value(evidence.check.measure, result) for result in evidence.results)


def result_value(measure: str, result: NetResult) -> str:
    """ "14.04 ± 0.35 (n=3, 1 diverged)", or why there is no value."""
    if result.estimate is None:
        return ", ".join(result.uncounted) or "?"
    if MEASURES[measure].is_exact:
        return f"{result.estimate.mean:,.{MEASURES[measure].digits}f}"
    return result.estimate.text(MEASURES[measure].digits, result.uncounted)


def difference(evidence: Evidence) -> str:
    """The difference and its interval, "+44.59 ± 0.81", or the value of a single net; "" if unknown.

    It has as many digits as show on which side of a bound the interval ends.
    """
    found, check = evidence.interval, evidence.check
    digits = MEASURES[check.measure].digits
    if found is None:
        return ""
    if MEASURES[check.measure].is_exact:
        return f"{found.value:,.{digits}f}"
    bounds = [bound for bound in (check.low, check.high) if math.isfinite(bound)]
    return interval_text(found, bounds, digits, "+" if evidence.right else "")


def published(evidence: Evidence) -> str:
    """The published values: "5.8 − 1.3"; empty if the papers give none."""
    if evidence.check.is_published:
        return ""  # it stands beside ours already
    numbers = [find_number(result.net, evidence.check.measure) for result in evidence.results]
    return " − ".join(published_value(number) for number in numbers) if any(numbers) else ""


def published_value(number: Number | None) -> str:
    """A published number with its spread and relation, as the papers print it; "?" if there is none."""
    if number is None:
        return "?"
    relation = "" if number.relation == "=" else f"{number.relation} "
    spread = "" if number.std is None else f" ± {number.std:.2f}"
    spelled = number.kind == "printed" and number.relation == "="  # with two digits, as in the papers
    value = f"{number.value:{',.0f' if number.measure == 'parameters' else '.2f' if spelled else 'g'}}"
    return f"{relation}{value}{spread}"
