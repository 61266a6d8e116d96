"""What `table --published` prints: the papers' tables, with our values beside theirs."""

from collections.abc import Sequence
from typing import Any

from resnet_repro.analysis.groups import ABOUT_SPREAD
from resnet_repro.claims.published_tables import MEASURE, TableRow, filled_tables
from resnet_repro.claims.wording import published_value, result_value
from resnet_repro.cli.show.sources import source_lines
from resnet_repro.papers import NETS
from resnet_repro.record.run import Run
from resnet_repro.text_tables import markdown_table, markdown_text, print_table

COLUMNS = ["net", "published", "ours", "difference", "training time", "device"]


def print_papers_tables(runs: Sequence[Run], markdown: bool) -> None:
    """Each table under each set of conditions, then the papers that [R], [I] and [B] stand for."""
    for table, group, found in filled_tables(runs):
        title = [f"{table}, test error %", *(group.title().split("\n") if group else ["none of its nets has been run"])]
        rows = [_cells(row) for row in found]
        if markdown:
            head = "\n".join([title[0], *map(markdown_text, title[1:])])
            print(f"{head}\n\n{markdown_table(COLUMNS, rows)}\n")
        else:
            print_table("\n".join(title), COLUMNS, rows, optional=["device", "training time"])
    print("\n".join(f"- {line}" if markdown else line for line in [ABOUT_SPREAD, *source_lines(markdown)]))


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
