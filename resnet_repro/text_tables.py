"""Prints tables to a terminal or a pipe, and formats them as Markdown."""

import re
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnet_repro.errors import printable

Rows = Sequence[Sequence[str]]
MARKUP = tuple("#>-+*=[`~")  # begin a heading, a list, a definition of a link or a block of code
PIPE_WIDTH = 200  # characters, if stdout is not a terminal


def print_table(title: str, columns: Sequence[str], rows: Rows) -> None:
    """Print a table under a title. Columns that hold only numbers are aligned to the right."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(row[index][:1] in "0123456789+-–" for row in rows)
        table.add_column(Text(printable(column)), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    lines = "\n".join(map(printable, title.split("\n")))
    console.print(lines, style="bold", markup=False, soft_wrap=True)
    console.print(table)


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
