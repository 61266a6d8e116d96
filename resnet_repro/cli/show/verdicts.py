"""Verdicts on stdout: a table for people, Markdown for a page, plain numbers for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from resnet_repro.claims import wording
from resnet_repro.claims.verdict import Evidence, Ruling, Sample, Verdict
from resnet_repro.papers import CLAIMS, find_number
from resnet_repro.text_tables import markdown_table, print_table

COLUMNS = ["claim", "verdict", "statement, and what was compared", "ours", "difference, 95 %", "published", "where"]
BORROWED = "†"
ABOUT_BORROWED = (
    f"{BORROWED} with a single run of a net, or seeds without a spread: the noise is the pooled spread of the nets "
    "with several seeds under these conditions, or that of ResNet-110 as published if it is larger"
)
LONGEST = 200  # characters of what is missing; --json has it all


def print_verdicts(verdicts: Sequence[Verdict], markdown: bool) -> None:
    """A row for each claim, under it one for each comparison, and under the table the conditions by letter."""
    letters: dict[str, str] = {}
    rows = [row for verdict in verdicts for row in _rows(verdict, letters)]
    title = "The papers' claims: " + summary(verdicts)
    where = [f"{letter}: {conditions.replace(chr(10), ' · ')}" for conditions, letter in letters.items()]
    if any(_borrows(found) for verdict in verdicts if verdict.ruling for found in verdict.ruling.evidence):
        where.append(ABOUT_BORROWED)
    if markdown:
        print(f"{title}\n\n{markdown_table(COLUMNS, rows)}\n")
        print("".join(f"- {line}\n" for line in where), end="")
    else:
        print_table(title, COLUMNS, rows)
        print("".join(f"{line}\n" for line in where), end="")


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many of each outcome, and how many of those under the paper's own conditions."""
    counts = Counter[str](verdict.outcome for verdict in verdicts)
    told = [verdict for verdict in verdicts if verdict.outcome in ("reproduced", "contradicted")]
    own = sum(not verdict.setting and verdict.claim.scope != "any" for verdict in told)
    order = ("reproduced", "contradicted", "inconclusive", "not run")
    decided = f"; {own or 'none'} of the {len(told)} decided at the papers' full length" if told else ""
    return ", ".join(f"{counts[name]} {name}" for name in order) + decided


def parse_ids(text: str) -> list[str]:
    """ "C1,C6" as a list. Raises ValueError, naming the ids there are."""
    ids = [part.strip() for part in text.split(",")]
    if unknown := [name for name in ids if name not in CLAIMS]:
        raise ValueError(f"{', '.join(name or 'nothing' for name in unknown)}: no such claim; there are "
                         f"{', '.join(CLAIMS)}")  # fmt: skip
    return ids


def not_reproduced(verdicts: Sequence[Verdict]) -> str:
    return "; ".join(
        f"{verdict.claim.id} is {wording.outcome(verdict)}" + (f", {verdict.missing}" if verdict.missing else "")
        for verdict in verdicts
    )


def _rows(verdict: Verdict, letters: dict[str, str]) -> list[list[str]]:
    claim, ruling = verdict.claim, verdict.ruling
    missing = verdict.missing if len(verdict.missing) <= LONGEST else f"{verdict.missing[:LONGEST]}..."
    notes = dict.fromkeys(note[0].upper() + note[1:].removesuffix(".") for note in (claim.remark, missing) if note)
    said = ". ".join([f"{claim.statement} ({claim.source})", *notes])
    head = [claim.id, wording.outcome(verdict), said]
    if ruling is None:
        return [[*head, "", "", "", ""]]
    where = {group: letters.setdefault(group.title(), _letter(len(letters))) for group in ruling.groups}
    shown = [found for found in ruling.evidence if all(sample.estimate or sample.diverged for sample in found.samples)]
    details = [
        ["", found.outcome, f"· {wording.question(found)}", *_values(found), where[found.group]] for found in shown
    ]
    return [[*head, "", "", "", "" if details else ", ".join(where.values())], *details]


def _values(found: Evidence) -> list[str]:
    mark = BORROWED if _borrows(found) else ""
    return [wording.measured(found), wording.difference(found) + mark, wording.published(found)]


def _borrows(found: Evidence) -> bool:
    return found.interval is not None and found.interval.borrowed


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else str(number + 1)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The whole of it, under the names of this package."""
    return {**wording.heading(verdict), "rulings": [_ruling_json(ruling) for ruling in verdict.rulings]}


def _ruling_json(ruling: Ruling) -> dict[str, Any]:
    return {
        "outcome": ruling.outcome,
        "setting": ruling.setting,
        "missing": ruling.missing,
        "conditions": [{**group.condition._asdict(), "title": group.title()} for group in ruling.groups],
        "evidence": [_evidence_json(found) for found in ruling.evidence],
    }


def _evidence_json(found: Evidence) -> dict[str, Any]:
    check, interval = found.check, found.interval
    return {
        "measure": check.measure,
        "low": check.low,
        "high": check.high,
        "outcome": found.outcome,
        "missing": found.missing,
        "nets": [_sample_json(sample, check.measure) for sample in found.samples],
        "difference": interval.value if interval else None,
        "half_width": interval.half_width if interval else None,
        "basis": interval.basis if interval else None,
    }


def _sample_json(sample: Sample, measure: str) -> dict[str, Any]:
    number = find_number(sample.net, measure)
    return {
        "net": sample.net,
        "name": sample.name,
        "ours": sample.estimate._asdict() if sample.estimate else None,
        "diverged": sample.diverged,
        "runs": [run.path.as_posix() for run in sample.runs],
        "published": number._asdict() if number else None,
    }
