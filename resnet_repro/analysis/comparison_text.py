"""A comparison of nets in words: two tables, and what their terms mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from resnet_repro.analysis.differences import field_text
from resnet_repro.analysis.groups import ABOUT_ERRORS, ABOUT_SPREAD
from resnet_repro.analysis.noise import ABOUT_BORROWED, BORROWED
from resnet_repro.text_tables import counted, markdown_table, markdown_text

if TYPE_CHECKING:
    from resnet_repro.analysis.comparison import Comparison, Difference

RECORDED_SHOWN = ("device", "torch")  # in the table, with all that changes errors; others are named below it
ABOUT_DIFFERENCES = (
    "A difference is the net's error minus that of the base, in points; ± is half the width of its 95 % confidence "
    "interval (docs/statistics.md)."
)
ABOUT_HOLM = (
    "As several nets are compared with one, an interval may be a wider one (Holm), so that a difference which is not "
    "there is found in 5 % of cases at most."
)
ABOUT_MORE = "More seeds would settle a difference if it and the spreads stay as they are."


class Part(NamedTuple):
    """A table with its title."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def title(found: Comparison) -> str:
    """As "tenth/resnet56 against tenth/resnet20"."""
    others = found.others[0].name if len(found.others) == 1 else counted(len(found.others), "net")
    return f"{others} against {found.base.name}"


def conditions(found: Comparison) -> str:
    """The data, the schedule and so on: two lines if they are the same for all nets, else one for each net."""
    nets = found.nets
    if found.has_one_condition:
        return nets[0].group.only([net.entry for net in nets]).title()
    titles = (net.group.only([net.entry]).title().replace("\n", " · ") for net in nets)
    return "\n".join(f"{net.name}: {text}" for net, text in zip(nets, titles, strict=True))


def parts(found: Comparison) -> list[Part]:
    """What differs between the nets, then their errors."""
    names = [net.name for net in found.nets]
    fields = [[field.field, *map(field_text, field.values)] for field in found.fields
              if field.changes_errors or field.field in RECORDED_SHOWN]  # fmt: skip
    rows = []
    for measure in dict.fromkeys(one.measure for one in found.differences):
        differences = [one for one in found.differences if one.measure == measure]
        label = differences[0].label
        rows.append([label, names[0], found.base.entry.final_text(measure), "", "base"])
        rows += [["", net.name, net.entry.final_text(measure), one.text + _mark(one), one.verdict]
                 for net, one in zip(found.others, differences, strict=True)]  # fmt: skip
    columns = ["error", "net", "at the end (%)", "difference", "verdict"]
    return [Part(f"{title(found)}: what differs", ["field", *names], fields),
            Part(f"{title(found)}: final errors\n{conditions(found)}", columns, rows)]  # fmt: skip


def _mark(one: Difference) -> str:
    return BORROWED if one.interval and one.interval.borrowed else ""


def notes(found: Comparison) -> list[str]:
    """What else differs, and what the terms of the tables mean."""
    below = [field for field in found.fields if not field.changes_errors and field.field not in RECORDED_SHOWN]
    unseen = [field.field for field in below if not field.is_recorded]
    recorded = [field.field for field in below if field.is_recorded]
    differences = found.differences
    return [
        *_reasons(found),
        *[f"The specs also differ in what changes no error: {', '.join(unseen)}."] * bool(unseen),
        *[f"What the runs recorded also differs in {', '.join(recorded)}; --json has the values."] * bool(recorded),
        ABOUT_DIFFERENCES,
        *[ABOUT_HOLM] * any(one.interval and one.interval.chance < 0.05 for one in differences),
        *[ABOUT_MORE] * any(one.more_seeds and one.interval for one in differences),
        *[ABOUT_BORROWED] * any(map(_mark, differences)),
        ABOUT_SPREAD,
        ABOUT_ERRORS,
    ]


def _reasons(found: Comparison) -> list[str]:
    """Why differences are not settled, and what would settle them: a line for each net and reason."""
    labels: dict[tuple[str, str], list[str]] = {}
    for one in found.differences:
        if one.reason:
            labels.setdefault((one.net, one.reason), []).append(one.label)
    return [f"{', '.join(several).capitalize()} of {net}: {reason}." for (net, reason), several in labels.items()]


def as_text(found: Comparison) -> str:
    """A line for each net and error under the conditions."""
    fields = [f"{part[0]}: {part[1]} against {', '.join(part[2:])}" for part in parts(found)[0].rows]
    return "\n".join([title(found), conditions(found), *fields, *map(str, found.differences)])


def as_markdown(found: Comparison) -> str:
    """The tables and the notes, as a notebook shows them."""
    tables = [
        "\n\n".join([*map(markdown_text, part.title.split("\n")), markdown_table(part.columns, part.rows)])
        for part in parts(found)
    ]
    return "\n\n".join([*tables, *map(markdown_text, notes(found))]) + "\n"
