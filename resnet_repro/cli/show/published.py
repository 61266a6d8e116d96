"""The papers' tables with our values beside theirs: what `table --published` prints."""

from collections.abc import Sequence
from typing import Any

from resnet_repro.claims.published_tables import Line, filled_tables
from resnet_repro.claims.wording import published_value
from resnet_repro.papers import NETS
from resnet_repro.record.run import Run
from resnet_repro.text_tables import markdown_table, print_table

COLUMNS = ["net", "published", "ours", "difference", "training time", "device"]


def print_papers_tables(runs: Sequence[Run], markdown: bool) -> None:
    for table, group, lines in filled_tables(runs):
        title = f"{table}, test error %\n{group.title() if group else 'none of its nets has been run'}"
        rows = [_cells(line) for line in lines]
        if markdown:
            print(f"{title}\n\n{markdown_table(COLUMNS, rows)}\n")
        else:
            print_table(title, COLUMNS, rows)


def _cells(line: Line) -> list[str]:
    number, sample = line.number, line.sample
    name = f"{number.net} ({number.statistic})" if number.statistic else number.net
    ours = "not run" if sample is None or sample.is_absent else str(sample.estimate or sample.fault)
    return [
        name.removeprefix("identity_mappings/"),
        published_value(number),
        ours if number.net in NETS else "",
        "" if line.difference is None else f"{line.difference:+z.2f}",
        "" if line.minutes is None else f"{line.minutes:.0f} min",
        ", ".join(line.devices),
    ]


def papers_tables_json(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [
        {
            "table": table,
            "conditions": group.condition._asdict() if group else None,
            "lines": [
                {
                    "published": line.number._asdict(),
                    "ours": line.sample.estimate._asdict() if line.sample and line.sample.estimate else None,
                    "difference": line.difference,
                    "minutes": line.minutes,
                    "devices": line.devices,
                }
                for line in lines
            ],
        }
        for table, group, lines in filled_tables(runs)
    ]
