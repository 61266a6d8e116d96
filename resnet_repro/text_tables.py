"""Prints tables to a terminal or a pipe, and formats them as Markdown."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnet_repro.errors import printable

Rows = Sequence[Sequence[str]]
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
    console.print(title, style="bold", markup=False, soft_wrap=True)
    console.print(table)


def markdown_table(columns: Sequence[str], rows: Rows) -> str:
    """A table as Markdown, without a title."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(printable(cell).replace('|', '/') for cell in line)} |" for line in lines)


def counted(number: int, noun: str) -> str:
    """ "1 run", "12,000 runs": a number with its noun, whose plural takes an s."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
