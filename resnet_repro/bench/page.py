"""Formats measurements as tables, and keeps those of several machines in a folder with a page."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resnet_repro.bench.columns import Format, TextTable, number, percent, title
from resnet_repro.bench.gpu_tables import check_tables
from resnet_repro.errors import RunError
from resnet_repro.files import LARGEST_JSON, read_text, to_json, write_text
from resnet_repro.text_tables import markdown_table, markdown_text

LARGEST_PAGE = 1_000_000  # bytes
LARGEST_TABLES = 10_000_000  # characters of all measurements on a page
PAGE, BEGIN, END = "README.md", "<!-- table -->", "<!-- /table -->"
ELSEWHERE = "choose another --output or make room there"
Measurements = Sequence[dict[str, Any]]


def _ratio(row: dict[str, Any]) -> str:
    return "–" if row["ratio"] is None else f"{row['ratio']:.2f} ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})"


SPEED_COLUMNS: dict[str, Format] = {
    "spec": lambda row: row["spec"],
    "batch": number("batch_size"),
    "computed in": lambda row: f"{row['precision']}, {row['engine']}",
    "rounds × steps": lambda row: f"{row['rounds']} × {row['steps_per_round']}",
    "ms a step": number("step_ms", 2),
    "images/s": number("images_per_second"),
    "script, images/s": number("baseline_images_per_second"),
    "ratio (min–max)": _ratio,
    "limit %": percent("limit_share"),
    "peak %": percent("peak_share"),
    "bandwidth %": percent("bytes_share"),
    "outside %": percent("outside_share"),
    "evaluation %": percent("evaluation_share"),
}
MEANINGS = """\
script: the same net trained as most public scripts do it; ratio: our images/s divided by the script's, in each round
limit: share of our step if each convolution ran alone at its fastest; peak: if all ran at the rate of the fastest one
bandwidth: share of our step to move each layer's values once; outside: not in forward, backward or update
evaluation: time of one evaluation as a share of the training between two"""

SCALING_COLUMNS: dict[str, Format] = {
    "what grows": lambda row: row["curve"],
    "value": lambda row: str(row["value"]),
    "ms a step": number("step_ms", 2),
    "images/s": number("images_per_second"),
    "against the first": number("relative_speed", 2),
    "memory GB": lambda row: "–" if row["memory_bytes"] is None else f"{row['memory_bytes'] / 1e9:.2f}",
}


def table_of(measurements: Measurements) -> TextTable:
    """The table of results of `measure` or of `measure_scaling`. Raises KeyError if they are of neither."""
    first = measurements[0]
    columns = SCALING_COLUMNS if "curve" in first else SPEED_COLUMNS
    if first["environment"]["device"] == "cpu":
        columns = {name: cell for name, cell in columns.items() if name != "bandwidth %"}
    rows = [[cell(row) for cell in columns.values()] for row in measurements]
    return TextTable(title(first), list(columns), rows)


def save(measurements: Measurements, folder: Path) -> Path:
    """Write the measurements to a file named after the machine, replacing earlier ones. Raises RunError."""
    path = _file_of(measurements[0]["device"], "-scaling" * ("curve" in measurements[0]), folder)
    write_text(path, to_json(measurements), ELSEWHERE)
    return path


def save_check(found: dict[str, Any], folder: Path) -> Path:
    """Write the result of a GPU check to a file named after the machine. Raises RunError."""
    path = _file_of(found["device"], "-check", folder)
    write_text(path, to_json(found), ELSEWHERE)
    return path


def _file_of(device: str, kind: str, folder: Path) -> Path:
    name = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    return folder / f"{name}{kind}.json"


def tables(folder: Path) -> str:
    """The tables of all measurements in a folder as Markdown, "" if there are none. Raises RunError."""
    texts, characters = [], 0
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):  # each machine's speed, then its scaling
        text = read_text(path, LARGEST_JSON)
        characters += len(text)
        if characters > LARGEST_TABLES:
            raise RunError(f"{path}: this file and those before it are too much for a page; move some away")
        try:
            found = json.loads(text)
            several = check_tables(found) if isinstance(found, dict) else [table_of(found)]
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
            raise RunError(f"{path}: holds no measurements of 'resnet-repro bench'; restore or delete it") from None
        texts += [f"{markdown_text(table.title)}\n\n{markdown_table(table.columns, table.rows)}\n" for table in several]
    return "\n".join(texts)


def renew_page(folder: Path) -> Path | None:
    """Write the tables of a folder into its page, between two marks. None if it has no page. Raises RunError."""
    page = folder / PAGE
    if not page.exists():
        return None
    text = read_text(page, LARGEST_PAGE)
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RunError(f"{page}: has no {BEGIN} with {END} after it, between which the tables go")
    write_text(page, f"{before}{BEGIN}\n{tables(folder)}{END}{after}", "make room there")
    return page
