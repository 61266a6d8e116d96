"""CSV files whose columns are the fields of a dataclass. An empty cell is a None."""

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from resnet_repro.errors import RunError
from resnet_repro.files import read_text, write_text
from resnet_repro.metrics import ProbeRow, Row

T = TypeVar("T", Row, ProbeRow)
LARGEST_FILE = 1_000_000_000  # bytes
REMEDY = "restore the file, or train again with --restart"


def write_rows(path: Path, kind: type[T], rows: Sequence[T]) -> None:
    """Replace the file at `path`. `kind` is a dataclass, of which `rows` may hold none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(kind))
    writer.writerows(astuple(row) for row in rows)
    write_text(path, text.getvalue())


def read_rows(path: Path, kind: type[T], last_step: int = sys.maxsize) -> list[T]:
    """The rows of a file; none if there is no file. Raises RunError with the line if it is damaged.

    Every line ends with a newline, so a file that was cut within its last number is told from a whole one.
    """
    if not path.exists():
        return []
    types = get_type_hints(kind)
    rows: list[T] = []
    text = read_text(path, LARGEST_FILE)
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        if next(reader, None) != _columns(kind):
            raise RunError(f"{path}:1: the columns should be {','.join(_columns(kind))}")
        for cells in reader:
            values = (_parse(cell, types[name]) for name, cell in zip(_columns(kind), cells, strict=True))
            row = kind(*values)
            fault = row.fault(rows[-1] if rows else None)
            if fault or row.step > last_step:
                fault = fault or f"step {row.step} is past the last one, {last_step}"
                raise RunError(f"{path}:{reader.line_num}: is damaged: {fault}; {REMEDY}")
            rows.append(row)
    except (ValueError, csv.Error):
        problem = "a value is missing or unreadable"
        raise RunError(f"{path}:{reader.line_num}: is damaged: {problem}; {REMEDY}") from None
    if not text.endswith("\n"):
        raise RunError(f"{path}:{reader.line_num}: is damaged: the line is cut; {REMEDY}")
    return rows


def _columns(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


def _parse(cell: str, kind: Any) -> Any:
    """A cell as int, float, str, or as `float | None`."""
    if kind in (int, str):
        return kind(cell)
    return None if cell == "" and kind is not float else float(cell)
