"""What `table` prints: final errors of the nets of each group, and the degradation and its fix."""

from collections.abc import Sequence
from typing import Any

from resnet_repro.analysis.effects import effects
from resnet_repro.analysis.estimate import Estimate
from resnet_repro.analysis.groups import ABOUT_ERRORS, FINAL_COLUMNS, Entry, Group
from resnet_repro.claims.net_results import published_number
from resnet_repro.claims.wording import published_value
from resnet_repro.text_tables import markdown_table, markdown_text, print_table


def print_groups(groups: Sequence[Group], markdown: bool) -> None:
    """The tables of all groups; on a terminal also what their columns mean, which a page says in its own text."""
    for group in groups:
        _print_group(group, markdown)
    if not markdown:
        print(f"{ABOUT_ERRORS} BN is batch normalisation.")


def _print_group(group: Group, markdown: bool) -> None:
    """A table of final errors, then the degradation and its fix in points."""
    title = group.title()
    columns = ["net", *FINAL_COLUMNS.values(), "the paper's test error %"]
    rows = [[entry.name, *_finals(entry), _published(entry)] for entry in group.entries]
    lines = [
        f"{effect.name}: {effect.worse} against {effect.better}, "
        f"{FINAL_COLUMNS[effect.column].removesuffix(' %')}: {effect}"
        for effect in effects(group)
    ]
    if markdown:
        head = "\n".join(map(markdown_text, title.split("\n")))
        print(f"{head}\n\n{markdown_table(columns, rows)}\n")
        print("".join(f"- {markdown_text(line)}\n" for line in lines))
    else:
        print_table(title, columns, rows)
        print("".join(f"{line}\n" for line in lines))


def group_json(group: Group) -> dict[str, Any]:
    """A group with its nets and effects."""
    return {
        **group.condition._asdict(),
        "nets": [
            {
                "net": entry.name,
                "experiment": entry.runs[0].experiment.name,
                **{column: _estimate_json(entry.final(column)) for column in FINAL_COLUMNS},
                "published": number._asdict() if (number := published_number(entry, "test_error_pct")) else None,
            }
            for entry in group.entries
        ],
        "effects": [effect._asdict() for effect in effects(group)],
    }


def _finals(entry: Entry) -> list[str]:
    if not entry.finished:
        return [", ".join(sorted({run.status for run in entry.runs})), *[""] * (len(FINAL_COLUMNS) - 1)]
    return [str(entry.final(column)) for column in FINAL_COLUMNS]


def _published(entry: Entry) -> str:
    number = published_number(entry, "test_error_pct")
    return published_value(number) if number else ""


def _estimate_json(value: Estimate | None) -> dict[str, Any] | None:
    return value._asdict() if value else None
