"""Prints a table in the format that a command was asked for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resnet_repro.cli.options import Format
from resnet_repro.errors import printable
from resnet_repro.files import to_json
from resnet_repro.table_formats import csv_text, latex_table
from resnet_repro.text_tables import Rows, markdown_table, markdown_text, print_table


def print_as(
    form: Format,
    title: str,
    columns: Sequence[str],
    rows: Rows,
    notes: Iterable[str] = (),
    about: str = "",
    optional: Sequence[str] = (),
    prose: str = "",
) -> None:
    """A table as text, Markdown or LaTeX, with the notes below it, each in a line, and a paragraph after them.

    The notes and `about` may hold Markdown, such as links; `marked` escapes what comes from files.
    """
    notes = list(notes)
    if form == "latex":
        print(latex_table(title, columns, rows, [*notes, *([about] if about else [])], prose))
    elif form == "markdown":
        print(f"{chr(10).join(map(markdown_text, title.split(chr(10))))}\n\n{markdown_table(columns, rows)}\n")
        print_notes(form, notes)
        if about:
            print("\n" * bool(notes) + f"{about}\n")
    else:
        print_table(title, columns, rows, optional, prose)
        print_notes(form, [*notes, *([about] if about else [])])


def marked(form: Format, texts: Iterable[str]) -> list[str]:
    """Anyone's texts as notes, which are not taken for Markdown."""
    return [markdown_text(text) if form == "markdown" else text for text in texts]


def print_notes(form: Format, notes: Iterable[str]) -> None:
    """A line for each note; in Markdown a list."""
    for note in notes:
        print(f"- {note}" if form == "markdown" else printable(note))


def print_records(form: Format, found: Any, records: Sequence[Mapping[str, Any]]) -> None:
    """What was found as JSON, or its flat records as CSV."""
    print(csv_text(records) if form == "csv" else to_json(found), end="")
