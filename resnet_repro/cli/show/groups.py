"""What `table` prints: final errors of the nets of each group, and the degradation and its fix."""

from collections.abc import Sequence
from typing import Any

from resnet_repro.analysis.differences import field_columns
from resnet_repro.analysis.effects import Effect, about_effects, effect_lines, effects
from resnet_repro.analysis.estimate import Estimate
from resnet_repro.analysis.groups import ABOUT_ERRORS, ABOUT_SPREAD, COLUMNS, Entry, Group, uncounted
from resnet_repro.claims.net_results import published_number
from resnet_repro.claims.published_tables import error_columns
from resnet_repro.claims.wording import published_value
from resnet_repro.cli.options import Format
from resnet_repro.cli.show.formats import marked, print_as
from resnet_repro.errors import printable
from resnet_repro.papers import Number
from resnet_repro.table_formats import latex_text
from resnet_repro.text_tables import markdown_text


def print_title(title: str, form: Format) -> None:
    """The title that a user gave, above all tables; not among records, which programs read."""
    match form:
        case "markdown":
            print(f"## {markdown_text(title)}\n")
        case "latex":
            print(f"\\section*{{{latex_text(title)}}}\n")
        case "text":
            print(f"{printable(title)}\n")


def print_groups(groups: Sequence[Group], form: Format) -> None:
    """The tables of all groups; on a terminal also what their columns mean, which a page says in its own text."""
    for group in groups:
        _print_group(group, form)
    if form == "text":
        print(f"{ABOUT_ERRORS} BN is batch normalisation.")


def _print_group(group: Group, form: Format) -> None:
    """A table of final errors, the degradation and its fix in points, and what ± means in both."""
    title, clean = group.title(), f"{group.condition.labels[COLUMNS[1]]} %"
    fields, others = field_columns(group.entries)
    columns = error_columns(group, list(fields))
    rows = [
        [entry.name, *texts, *[entry.runs[0].precision] * group.is_mixed, *_finals(entry),
         *[_published(entry)] * group.condition.has_papers_data]
        for entry, *texts in zip(group.entries, *fields.values(), strict=True)
    ]  # fmt: skip
    lines = effect_lines(group)
    about = " ".join(filter(None, [others, ABOUT_SPREAD, about_effects(effects(group))]))
    print_as(form, title, columns, rows, marked(form, lines), about, optional=[clean])
    if form == "text":
        print()


def net_records(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """A flat record for each net, with the conditions of its group."""
    return [{**group.condition._asdict(), **net} for group in groups for net in group_json(group)["nets"]]


def group_json(group: Group) -> dict[str, Any]:
    """A group with its nets and effects."""
    return {
        **group.condition._asdict(),
        "nets": [
            {
                "net": entry.name,
                "experiment": entry.runs[0].experiment.name,
                **{column: _estimate_json(entry.final(column)) for column in COLUMNS},
                "training": entry.training.model_dump(mode="json"),
                "precision": entry.runs[0].precision,
                "not_counted": uncounted(entry.runs),
                "published": number._asdict() if (number := _number(group, entry)) else None,
            }
            for entry in group.entries
        ],
        "effects": [_effect_json(effect) for effect in effects(group)],
    }


def _finals(entry: Entry) -> list[str]:
    """The final errors; of a net without a finished run only its runs' states."""
    if not entry.finished:
        return [entry.final_text(COLUMNS[0]), *[""] * (len(COLUMNS) - 1)]
    return [entry.final_text(column) for column in COLUMNS]


def _published(entry: Entry) -> str:
    number = published_number(entry, "test_error_pct")
    return published_value(number) if number else ""


def _number(group: Group, entry: Entry) -> Number | None:
    return published_number(entry, "test_error_pct") if group.condition.has_papers_data else None


def _effect_json(effect: Effect) -> dict[str, Any]:
    found = effect.interval
    return {
        **effect._asdict(),
        "interval": found and {"half_width": found.half_width, "basis": found.basis, "borrowed": found.borrowed},
    }


def _estimate_json(value: Estimate | None) -> dict[str, Any] | None:
    return value._asdict() if value else None
