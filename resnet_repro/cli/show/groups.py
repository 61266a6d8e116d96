"""Final errors of the nets trained alike, and the degradation and its fix: what `table` prints."""

from typing import Any

from resnet_repro.analysis.effects import effects
from resnet_repro.analysis.estimate import Estimate
from resnet_repro.analysis.groups import FINAL_COLUMNS, Entry, Group
from resnet_repro.claims.samples import published_number
from resnet_repro.claims.wording import published_value
from resnet_repro.text_tables import markdown_table, print_table


def print_group(group: Group, markdown: bool) -> None:
    """Final errors, mean ± standard deviation (number of runs), then the degradation and its fix in points."""
    title = group.title()
    columns = ["net", *FINAL_COLUMNS.values(), "the paper's test error %"]
    rows = [[entry.name, *_finals(entry), _published(entry)] for entry in group.entries]
    lines = [
        f"{effect.name}: {effect.worse} against {effect.better}, "
        f"{FINAL_COLUMNS[effect.column].removesuffix(' %')}: {effect}"
        for effect in effects(group)
    ]
    if markdown:
        print(f"{title}\n\n{markdown_table(columns, rows)}\n")
        print("".join(f"- {line}\n" for line in lines))
    else:
        print_table(title, columns, rows)
        print("".join(f"{line}\n" for line in lines))


def group_json(group: Group) -> dict[str, Any]:
    """The same as plain numbers."""
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
