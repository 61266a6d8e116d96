"""What `claims` prints: verdicts as a table, as Markdown, or as JSON."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from resnet_repro.analysis.groups import ABOUT_SPREAD
from resnet_repro.analysis.noise import ABOUT_BORROWED, BORROWED
from resnet_repro.claims import OUTCOMES, wording
from resnet_repro.claims.verdict import ABOUT_INTERVALS, ABOUT_OUTCOMES, Evidence, NetResult, Ruling, Verdict
from resnet_repro.cli.options import Format
from resnet_repro.cli.show.formats import marked, print_as, print_notes
from resnet_repro.cli.show.sources import source_lines
from resnet_repro.papers import CLAIMS, find_number

COLUMNS = ["claim", "verdict", "statement, and what was compared", "ours", "difference", "published", "where"]
LONGEST = 200  # characters of what is missing, on a terminal; the other formats have all of them


def print_verdicts(verdicts: Sequence[Verdict], form: Format) -> None:
    """A row for each claim, and for each comparison under all conditions; below, what letters and terms mean.

    On a terminal, the claims of which nothing was run are one line.
    """
    letters: dict[str, str] = {}
    shown = [verdict for verdict in verdicts if verdict.rulings or form != "text"]
    rows = [row for verdict in shown for row in _rows(verdict, letters, cut=form == "text")]
    title = "The papers' claims: " + summary(verdicts)
    notes = _without_runs(verdicts) if form == "text" else []
    if not rows:
        print(title)
        print_notes(form, notes)
        return
    notes += marked(form, [f"{letter}: {conditions.replace(chr(10), ' · ')}" for conditions, letter in letters.items()])
    if any(_borrows(found) for verdict in verdicts for ruling in verdict.rulings for found in ruling.evidence):
        notes.append(ABOUT_BORROWED)
    notes += [
        ABOUT_SPREAD,
        ABOUT_INTERVALS,
        ABOUT_OUTCOMES,
        "BN is batch normalisation.",
        *source_lines(form == "markdown"),
    ]
    print_as(form, title, COLUMNS, rows, notes, prose=COLUMNS[2])


def _without_runs(verdicts: Sequence[Verdict]) -> list[str]:
    """A line about the claims of which nothing was run, if there are any."""
    ids = [verdict.claim.id for verdict in verdicts if not verdict.rulings]
    needs = f"claim{'s' * (len(ids) > 1)} of which nothing was run: {', '.join(ids)}"
    return [f"{len(ids)} {needs}; --markdown and --json say what each needs"] if ids else []


def summary(verdicts: Sequence[Verdict]) -> str:
    """The number of verdicts of each outcome, and how many were decided under the papers' own conditions."""
    counts = Counter[str](verdict.outcome for verdict in verdicts)
    decided = [verdict for verdict in verdicts if verdict.outcome in ("reproduced", "contradicted")]
    own = sum(not verdict.setting and verdict.claim.scope != "any" for verdict in decided)
    at_full_length = f"; {own or 'none'} of the {len(decided)} decided at the papers' full length" if decided else ""
    return ", ".join(f"{counts[name]} {name}" for name in OUTCOMES) + at_full_length


def parse_ids(text: str) -> list[str]:
    """The claims in a list such as "C1,C6". Raises ValueError with all ids if one is unknown."""
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


def _rows(verdict: Verdict, letters: dict[str, str], cut: bool) -> list[list[str]]:
    claim = verdict.claim
    notes = dict.fromkeys(_sentence(note, cut) for note in (claim.remark, verdict.missing) if note)
    rows = [[claim.id, wording.outcome(verdict), ". ".join([f"{claim.statement} ({claim.source})", *notes]), *[""] * 4]]
    for ruling in verdict.rulings:
        where = {group: letters.setdefault(group.title(), _letter(len(letters))) for group in ruling.groups}
        shown = [found for found in ruling.evidence if _is_shown(found)]
        if ruling is not verdict.ruling:
            missing = f": {_sentence(ruling.missing, cut)}" if ruling.missing else ""
            rows.append(["", f"{ruling.outcome} ({ruling.setting})" if ruling.setting else ruling.outcome,
                         f"Under other conditions{missing}", "", "", "", ", ".join(where.values())])  # fmt: skip
        elif not shown:
            rows[0][-1] = ", ".join(where.values())
        rows += [["", found.outcome, f"· {wording.question(found)}", *_values(found), where[found.group]]
                 for found in shown]  # fmt: skip
    return rows


def _sentence(note: str, cut: bool) -> str:
    """A note as a sentence without its full stop, of at most LONGEST characters if it is `cut`."""
    text = f"{note[:LONGEST]}..." if cut and len(note) > LONGEST else note
    return text[0].upper() + text[1:].removesuffix(".")


def _is_shown(found: Evidence) -> bool:
    """Whether all nets have a result or have diverged."""
    return all(result.estimate or result.diverged for result in found.results)


def _values(found: Evidence) -> list[str]:
    mark = BORROWED if _borrows(found) else ""
    return [wording.measured(found), wording.difference(found) + mark, wording.published(found)]


def _borrows(found: Evidence) -> bool:
    return found.interval is not None and found.interval.borrowed


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else str(number + 1)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict with all its rulings and their evidence."""
    return {**wording.heading(verdict), "rulings": [_ruling_json(ruling) for ruling in verdict.rulings]}


def comparison_records(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """A flat record for each comparison under each set of conditions; one for a claim of which nothing was run."""
    return [
        {
            **wording.heading(verdict),
            "ruling": ruling and ruling.outcome,
            "conditions": [group.title().replace("\n", " · ") for group in ruling.groups] if ruling else None,
            **({f"comparison_{key}": value for key, value in _evidence_json(found).items()} if found else {}),
        }
        for verdict in verdicts
        for ruling in verdict.rulings or [None]
        for found in (ruling.evidence if ruling else [None])
    ]


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
        "nets": [_result_json(result, check.measure) for result in found.results],
        "difference": interval.value if interval else None,
        "half_width": interval.half_width if interval else None,
        "confidence": 1 - interval.chance if interval else None,
        "basis": interval.basis if interval else None,
    }


def _result_json(result: NetResult, measure: str) -> dict[str, Any]:
    number = find_number(result.net, measure)
    return {
        "net": result.net,
        "name": result.name,
        "ours": result.estimate._asdict() if result.estimate else None,
        "not_counted": result.uncounted,
        "diverged": result.diverged,
        "runs": [run.path.as_posix() for run in result.runs],
        "published": number._asdict() if number else None,
    }
