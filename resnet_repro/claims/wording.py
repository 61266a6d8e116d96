"""How verdicts and their evidence are put into words, on a terminal and on a page alike."""

import math

from resnet_repro.claims.measures import MEASURES
from resnet_repro.claims.verdict import Evidence, Sample, Verdict
from resnet_repro.papers import Check, Claim, Number, find_number


def outcome(verdict: Verdict) -> str:
    """ "reproduced (short schedule)": what keeps a verdict from counting as the paper's is always said with it."""
    return f"{verdict.outcome} ({verdict.setting})" if verdict.setting else verdict.outcome


def heading(verdict: Verdict) -> dict[str, str]:
    """What is said of a verdict before its evidence, under the names of this package."""
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
    """What a check asks: "test error: plain-56 > plain-20"."""
    check, names = evidence.check, [sample.name for sample in evidence.samples]
    label = MEASURES[check.measure].label
    if len(names) == 1:
        return f"{label}: {names[0]} {_bounds(check)}"
    if math.isinf(check.high):
        return f"{label}: {' > '.join(names)}" + (f" by more than {check.low:g}" if check.low else "")
    return f"{label}: {' = '.join(names)}" if MEASURES[check.measure].is_exact else (
        f"{label}: {' within '.join([names[0], f'{check.high:g} of {names[1]}'])}"
    )  # fmt: skip


def _bounds(check: Check) -> str:
    if math.isinf(check.high):
        return f"> {check.low:g}"
    return f"< {check.high:g}" if math.isinf(check.low) else f"from {check.low:g} to {check.high:g}"


def measured(evidence: Evidence) -> str:
    """ "58.63 (n=1) − 14.04 ± 0.35 (n=3)"."""
    return " − ".join(sample_value(evidence.check.measure, sample) for sample in evidence.samples)


def sample_value(measure: str, sample: Sample) -> str:
    if sample.estimate is None:
        return "diverged" if sample.diverged else "?"
    if MEASURES[measure].is_exact:
        return f"{sample.estimate.mean:,.{MEASURES[measure].digits}f}"
    return sample.estimate.text(MEASURES[measure].digits)


def difference(evidence: Evidence) -> str:
    """ "+44.59 ± 0.81"; with one net its value."""
    found = evidence.interval
    if found is None:
        return ""
    if MEASURES[evidence.check.measure].is_exact:
        return f"{found.value:,.{MEASURES[evidence.check.measure].digits}f}"
    sign, digits = "+" if evidence.right else "", MEASURES[evidence.check.measure].digits
    return f"{found.value:{sign}z.{digits}f} ± {found.half_width:.{digits}f}"


def published(evidence: Evidence) -> str:
    """ "5.8 − 1.3"; empty where the papers give no number."""
    numbers = [find_number(sample.net, evidence.check.measure) for sample in evidence.samples]
    return " − ".join(published_value(number) for number in numbers) if any(numbers) else ""


def published_value(number: Number | None) -> str:
    if number is None:
        return "?"
    relation = "" if number.relation == "=" else f"{number.relation} "
    spread = "" if number.std is None else f" ± {number.std:.2f}"
    spelled = number.kind == "printed" and number.relation == "="  # as the papers print it
    value = f"{number.value:{',.0f' if number.measure == 'parameters' else '.2f' if spelled else 'g'}}"
    return f"{relation}{value}{spread}"


def papers_values(claim: Claim) -> list[tuple[Check, tuple[Number | None, ...]]]:
    """Each check with the papers' own numbers for it."""
    return [
        (check, tuple(find_number(net, check.measure) for net in (check.net, check.than) if net))
        for check in claim.checks
    ]
