"""The rows of `metrics.csv` and `probes.csv`, and how they are read and put into text."""

import codecs
import csv
import io
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from resnet_repro.errors import RunError
from resnet_repro.files import read_bytes

FLOAT32_LEAST, FLOAT32_END = 1e-45, 2.0**128  # probes compute in float32, whose values lie between, or are 0


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement after `step` iterations. The field names are the columns of `metrics.csv`.

    Errors are in %. `train_loss` and `train_error_pct` are running: the mean over the augmented mini-batches since
    the previous row, measured while training on them; a row of step 0, which a run has that starts from the net of
    another one, has none. `train_error_clean_pct` is measured in evaluation mode, without
    augmentation, on the first `training.clean_images` training images. It and the two test fields are None in rows
    between two evaluations and after a divergence. `images_per_second` is the speed since the previous row, at which
    everything but the evaluations counts as time.
    """

    step: int
    epoch: float
    learning_rate: float
    train_loss: float | None
    train_error_pct: float | None
    train_error_clean_pct: float | None
    test_loss: float | None
    test_error_pct: float | None
    images_per_second: float
    elapsed_seconds: float

    def fault(self, before: "Row | None") -> str | None:
        """Why no run can have written this row after `before`; None if one can. Losses may be infinite or NaN."""
        if self.step <= (before.step if before else -1):
            return f"step {self.step} does not rise"
        if self.step and None in (self.train_loss, self.train_error_pct):
            return "a training loss or error is missing"
        if not all(map(math.isfinite, (self.epoch, self.learning_rate, self.images_per_second, self.elapsed_seconds))):
            return "a value is not finite"
        errors = (self.train_error_pct, self.train_error_clean_pct, self.test_error_pct)
        if not all(0 <= error <= 100 for error in errors if error is not None):
            return "an error is not within 0 and 100 %"
        return None

    def is_result_of(self, steps: int) -> bool:
        """Whether the row has all errors and belongs to that step."""
        return self.step == steps and None not in (self.train_error_clean_pct, self.test_loss, self.test_error_pct)


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """A value measured inside the net after `step` iterations. The field names are the columns of `probes.csv`.

    `name` distinguishes the values of one probe at one layer, such as p15 and p85.
    """

    step: int
    probe: str
    layer: str
    name: str
    value: float

    def fault(self, before: "ProbeRow | None") -> str | None:
        """Why no run can have written this row after `before`; None if one can."""
        if self.step < (before.step if before else 1):
            return f"step {self.step} falls"
        is_float32 = self.value == 0 or FLOAT32_LEAST <= abs(self.value) < FLOAT32_END
        return None if is_float32 else f"{self.value:g} is not a float32 number"


T = TypeVar("T", Row, ProbeRow)

LARGEST_FILE = 100_000_000  # bytes
LONGEST_LINE = 2000  # bytes
MOST_ROWS = 1_000_000  # 16 for each step of the paper's schedule; they take half a gigabyte of memory
REMEDY = "restore the file, or train again with --restart"


def rows_text(kind: type[T], rows: Iterable[T]) -> str:
    """A header with the fields of `kind`, and a line for each row."""
    return _text([_columns(kind)]) + lines_text(rows)


def lines_text(rows: Iterable[Row | ProbeRow]) -> str:
    """A line for each row."""
    return _text(astuple(row) for row in rows)


def _text(lines: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def read_rows(path: Path, kind: type[T], last_step: int = sys.maxsize, grows: bool = False) -> list[T]:
    """The rows of a file; none if there is no file. Raises RunError with the line number if it is damaged.

    The last line must end with a newline too, so that a file cut within its last number is recognised. While a file
    `grows`, its last row may just be being written, and is then left out.
    """
    if not path.exists():
        return []
    content = read_bytes(path, LARGEST_FILE)
    if grows:
        content = content[: content.rfind(b"\n") + 1] or content
    return parse_rows(content, path, kind, last_step)


def parse_rows(content: bytes, path: Path, kind: type[T], last_step: int = sys.maxsize) -> list[T]:
    """The rows in the content of a file. Raises RunError with `path` and the line number if it is damaged."""
    types = get_type_hints(kind)
    rows: list[T] = []
    reader = csv.reader(_lines(content))
    try:
        if next(reader, None) != _columns(kind):
            raise RunError(f"{path}:1: the columns should be {','.join(_columns(kind))}")
        for cells in filter(None, reader):  # an editor may have added an empty line
            values = (_parse(cell, types[name]) for name, cell in zip(_columns(kind), cells, strict=True))
            row = kind(*values)
            fault = row.fault(rows[-1] if rows else None)
            if fault or row.step > last_step:
                fault = fault or f"step {row.step} is past the last one, {last_step}"
                raise RunError(f"{path}:{reader.line_num}: is damaged: {fault}; {REMEDY}")
            rows.append(row)
            if len(rows) > MOST_ROWS:
                raise RunError(f"{path}: has more than {MOST_ROWS:,} rows, which is too many to read")
    except (ValueError, csv.Error):
        problem = "a value is missing or unreadable"
        raise RunError(f"{path}:{reader.line_num or 1}: is damaged: {problem}; {REMEDY}") from None
    if not content.endswith(b"\n"):
        raise RunError(f"{path}:{reader.line_num}: is damaged: the line is cut; {REMEDY}")
    return rows


def _lines(content: bytes) -> Iterator[str]:
    """The lines of a file. A longer one than any of ours comes in parts, which are no rows."""
    file = io.BytesIO(content.removeprefix(codecs.BOM_UTF8))  # which Excel puts there
    while line := file.readline(LONGEST_LINE):
        yield line.decode()


def _columns(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


def _parse(cell: str, kind: Any) -> Any:
    """A cell as int, str, float, or `float | None`."""
    if kind is str:
        return sys.intern(cell)  # few texts, each of them many times
    if kind is int:
        return int(cell)
    return None if cell == "" and kind is not float else float(cell)
