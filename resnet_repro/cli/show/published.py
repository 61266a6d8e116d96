"""What `table --published` prints: the papers' tables, with our values beside theirs."""

from collections.abc import Sequence
from typing import Any

from resnet_repro.analysis.groups import ABOUT_SPREAD
from resnet_repro.claims.published_tables import MEASURE, TableRow, filled_tables
from resnet_repro.claims.wording import published_value, result_value
from resnet_repro.cli.options import Format
from resnet_repro.cli.show.formats import print_as, print_notes
from resnet_repro.cli.show.sources import source_lines
from resnet_repro.papers import NETS
from resnet_repro.record.run import Run

COLUMNS = ["net", "published", "ours", "difference", "training time", "device"]


def print_papers_tables(runs: Sequence[Run], form: Format) -> None:
    """Each table under each set of conditions, then the papers that [R], [I] and [B] stand for."""
    notes = [ABOUT_SPREAD, *source_lines(form == "markdown")]
    for table, group, found in filled_tables(runs):
        title = f"{table}, test error %\n{group.title() if group else 'none of its nets has been run'}"
        own = [note for note in notes if form == "latex" and (note[0] != "[" or note[:3] == table[:3])]
        print_as(form, title, COLUMNS, [_cells(row) for row in found], own, optional=["device", "training time"])
    if form != "latex":  # whose tables stand alone
        print_notes(form, notes)


def _cells(row: TableRow) -> list[str]:
    number, result = row.number, row.result
    name = f"{number.net} ({number.statistic})" if number.statistic else number.net
    ours = (
        "not run"
        if result is None or result.is_absent
        else (result_value(MEASURE, result) if result.estimate else result.fault)
    )
    return [
        name.removeprefix("identity_mappings/"),
        published_value(number),
        ours if number.net in NETS else "",
        "" if row.difference is None else f"{row.difference:+z.2f}",
        "" if row.minutes is None else f"{row.minutes:.0f} min",
        ", ".join(row.devices),
    ]


def papers_records(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A flat record for each published number."""
    return [
        {"table": found["table"], **line, "conditions": found["conditions"]}
        for found in papers_tables_json(runs)
        for line in found["lines"]
    ]


def papers_tables_json(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [
        {
            "table": table,
            "conditions": group.condition._asdict() if group else None,
            "lines": [
                {
                    "published": row.number._asdict(),
                    "ours": row.result.estimate._asdict() if row.result and row.result.estimate else None,
                    "difference": row.difference,
                    "minutes": row.minutes,
                    "devices": row.devices,
                }
                for row in found
            ],
        }
        for table, group, found in filled_tables(runs)
    ]
