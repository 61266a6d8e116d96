"""Formats measurements for text tables: the cells, and a title that names machine and data."""

from collections.abc import Callable
from typing import Any, NamedTuple

from resnet_repro.text_tables import Rows

Format = Callable[[dict[str, Any]], str]  # the text of one cell, from the measurement of its row


class TextTable(NamedTuple):
    title: str
    columns: list[str]
    rows: Rows


def number(key: str, digits: int = 0) -> Format:
    return lambda row: "–" if row[key] is None else f"{row[key]:,.{digits}f}"


def percent(key: str) -> Format:
    return lambda row: "–" if row[key] is None else f"{100 * row[key]:.1f}"


def title(first: dict[str, Any]) -> str:
    environment, git = first["environment"], first["environment"]["git"]
    parts = [first["device"], f"torch {environment['versions']['torch']}", environment["data"]["name"]]
    if environment["device"] != "cpu":  # a CPU's name includes its threads
        parts.insert(1, f"{environment['threads']} CPU threads")
    if "curve" in first:
        parts.append(environment["precision"])
    if git:
        parts.append(f"commit {git['commit'][:7]}{', changed' if git['dirty'] else ''}")
    return " · ".join(parts)
