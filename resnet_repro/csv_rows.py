"""CSV files whose columns are the fields of a dataclass. An empty cell is a None."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from resnet_repro.errors import RunError
from resnet_repro.files import explained, write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def write_rows(path: Path, kind: type[T], rows: Sequence[T]) -> None:
    """Replace the file at `path`. `kind` is a dataclass, of which `rows` may hold none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(kind))
    writer.writerows(astuple(row) for row in rows)
    write_text(path, text.getvalue())


def read_rows(path: Path, kind: type[T]) -> list[T]:
    """The rows of a file; none if there is no file. Raises RunError with the line if it is damaged."""
    if not path.exists():
        return []
    types = get_type_hints(kind)
    rows = []
    with explained(path), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        try:
            if next(reader, None) != _columns(kind):
                raise RunError(f"{path}:1: the columns should be {','.join(_columns(kind))}")
            for cells in reader:
                values = (_parse(cell, types[name]) for name, cell in zip(_columns(kind), cells, strict=True))
                rows.append(kind(*values))
        except UnicodeDecodeError:  # a ValueError, which `explained` has better words for
            raise
        except (ValueError, csv.Error):
            raise RunError(f"{path}:{reader.line_num}: is damaged: a value is missing or unreadable") from None
    return rows


def _columns(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


def _parse(cell: str, kind: Any) -> Any:
    """A cell as int, float, str, or as `float | None`."""
    if kind in (int, str):
        return kind(cell)
    return None if cell == "" and kind is not float else float(cell)
