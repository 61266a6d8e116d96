"""Prints tables to a terminal or a pipe, and formats them as Markdown."""

import re
import sys
from collections.abc import Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from resnet_repro.errors import printable

Rows = Sequence[Sequence[str]]
MARKUP = tuple("#>-+*=[`~")  # begin a heading, a list, a definition of a link or a block of code
ENDLESS = 1_000_000  # characters in a line, if stdout is not a terminal
GAP = 2  # characters between two columns
PROSE_WIDTH = 40  # characters, at which sentences still read well


def print_table(title: str, columns: Sequence[str], rows: Rows, optional: Sequence[str] = (), prose: str = "") -> None:
    """Print a table under a title. Columns that hold only numbers are aligned to the right.

    In a pipe, no cell is cut or wrapped. On a terminal, words and numbers stay whole: where a row needs more room than
    there is, `optional` columns are left out, the first ones first, then the other cells wrap, and if that is not
    enough, each row becomes a paragraph. The cells of the column `prose` are sentences, which need some width.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    width = Console().width if sys.stdout.isatty() else ENDLESS
    console = Console(highlight=False, width=width)
    fitted = fit(columns, rows, width, optional, prose)
    lines = "\n".join(map(printable, title.split("\n")))
    console.print(lines, style="bold", markup=False, soft_wrap=True)
    if _sum([column.least for column in fitted]) > width:
        _print_paragraphs(console, columns, rows, prose)
        return
    console.print(make_table(fitted, width))
    if left_out := [name for name in columns if name not in {column.name for column in fitted}]:
        console.print(f"(not shown, as the terminal is narrow: {', '.join(left_out)})", soft_wrap=True)
    console.print()


class Column:
    """A column and the widths that it can have: `least` breaks no word and no number, `line` wraps only its head."""

    def __init__(self, name: str, cells: Sequence[str], least: int = 0) -> None:
        """`least`: the least width of a wider column."""
        self.name, self.cells = name, cells
        self.is_numeric = all(cell[:1] in "0123456789+-–" for cell in cells)
        self.width = max(map(cell_len, [name, *cells]))
        self.line = max(map(cell_len, [*name.split(), *cells]), default=0)
        words = [word for text in [name, *cells] for word in text.split()]
        self.least = max([min(least, self.width), self.line if self.is_numeric else 0, *map(cell_len, words)])


def fit(columns: Sequence[str], rows: Rows, width: int, optional: Sequence[str] = (), prose: str = "") -> list[Column]:
    """The columns without as many of the optional ones, the first ones first, as do not fit with each row in a line."""
    fitted = [
        Column(name, [row[place] for row in rows], PROSE_WIDTH if name == prose else 0)
        for place, name in enumerate(columns)
    ]
    for name in optional:
        if _sum([column.line for column in fitted]) > width:
            fitted = [column for column in fitted if column.name != name]
    return fitted


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def make_table(columns: Sequence[Column], width: int) -> Table:
    """The table, in which the widest columns are narrowed until it fits."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    while _sum([column.width for column in columns]) > width:
        if not (wide := [column for column in columns if column.width > column.least]):
            break
        max(wide, key=lambda column: column.width).width -= 1
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.is_numeric else "left"
        table.add_column(Text(printable(column.name)), justify=justify, width=column.width)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, cells))
    return table


def _print_paragraphs(console: Console, columns: Sequence[str], rows: Rows, prose: str) -> None:
    """Each row as a line that begins with its first cell, and below it the others with their names."""
    first = columns.index(prose) if prose else 1
    for row in rows:
        named = [cell if name == prose else f"{name}: {cell}" for name, cell in zip(columns, row, strict=True) if cell]
        indent = 0 if row[0] else 2
        console.print(Padding(Text("  ".join(filter(None, row[:first]))), (0, 0, 0, indent), expand=False))
        rest = named[sum(map(bool, row[:first])) :]
        console.print(Padding(Text("; ".join(rest)), (0, 0, 0, indent + 2), expand=False))
    console.print()


def markdown_table(columns: Sequence[str], rows: Rows, escape: bool = True) -> str:
    """A table as Markdown, without a title. With `escape=False`, the cells are Markdown already."""
    text = _inline if escape else printable
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(text(cell).replace('|', '/') for cell in line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Anyone's text as a line of a Markdown page, where it is neither HTML nor a link nor a heading."""
    text = _inline(text)
    return f"\\{text}" if text.startswith(MARKUP) else text


def _inline(text: str) -> str:
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", printable(text)).replace("](", "]\\(")


def counted(number: int, noun: str) -> str:
    """ "1 run", "12,000 runs": a number with its noun, whose plural takes an s."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
