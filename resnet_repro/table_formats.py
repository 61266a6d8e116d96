"""Formats tables for other programs: LaTeX for papers, CSV for spreadsheets and data frames."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resnet_repro.errors import printable

LONGEST_FLOAT = 30  # rows; a longer table is a longtable, which may go over several pages
# Widths in letters of \\footnotesize: of a page, also on its side, and between two columns.
PAGE, SIDEWAYS, GAP = 86, 134, 3
LETTER = 0.48  # em
SHORT, LONGEST_NUMBER, PROSE = 12, 24, 36  # letters of a column that hardly wraps, of a number, of a line of prose
# What LaTeX reads as commands, and the signs of our tables, which pdflatex lacks in text.
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": "$<$", ">": "$>$", "|": "$|$", '"': "''",
    "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$", "≠": r"$\neq$", "†": r"\dag{}", "–": "--",
    "—": "---", "²": "$^2$", "…": r"\dots{}", "\u00a0": "~",
}  # fmt: skip
LAST_COMPOSED = "\u017f"  # of the accented letters that every pdflatex knows
MINUS = re.compile(r"(?<![\w.)-])-(?=\d)")  # in front of a number
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # begin a formula in a spreadsheet


def latex_text(text: str) -> str:
    """Anyone's text as LaTeX in text mode, which pdflatex sets without further packages; "?" for letters it lacks."""
    text = MINUS.sub("−", unicodedata.normalize("NFC", printable(text)))
    # A bracket after \\ or at the start of a row would be taken for its argument.
    return re.sub(r"^(?=[\[*])", "{}", "".join(map(_latex_character, text)))


def _latex_character(character: str) -> str:
    known = character.isascii() or (character.isalpha() and character <= LAST_COMPOSED)
    return LATEX.get(character, character if known else "?")


def latex_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Iterable[str] = (), prose: str = ""
) -> str:
    """A table in the style of booktabs, with its title as caption and the notes below it.

    Where a row is too wide for a page, headings and words wrap, those of the column `prose` into the widest cells; a
    table that needs more is turned on its side. Many rows are a longtable. The comment above names the packages.
    """
    cells = [_Cells(name, [row[place] for row in rows], name == prose) for place, name in enumerate(columns)]
    gaps = GAP * (len(columns) - 1)
    wide, long = gaps + sum(column.least for column in cells) > PAGE, len(rows) > LONGEST_FLOAT
    layout = _layout(cells, (SIDEWAYS if wide else PAGE) - gaps)
    caption = rf"\caption{{{latex_text(' · '.join(title.split(chr(10))))}}}"
    head = [r"\toprule", _row(columns), r"\midrule"]
    below = [rf"{latex_text(note)}\par" for note in notes]
    if long:
        opening = [r"\begingroup\footnotesize", rf"\begin{{longtable}}{{{layout}}}", rf"{caption}\\"]
        opening += [*head, r"\endfirsthead", *head, r"\endhead"]
        closing = [r"\end{longtable}", r"\raggedright", *below, r"\endgroup"]
    else:
        opening = [r"\begin{table}", r"\centering\footnotesize", caption, rf"\begin{{tabular}}{{{layout}}}", *head]
        closing = [r"\end{tabular}", r"\par\smallskip\raggedright", *below, r"\end{table}"]
    lines = [*opening, *map(_row, rows), r"\bottomrule", *closing]
    if wide:
        lines = [r"\begin{landscape}", *lines, r"\end{landscape}"]
    packages = ["array", "booktabs", *["longtable"] * long, *["pdflscape"] * wide]
    return "\n".join([rf"% \usepackage{{{','.join(packages)}}}", *lines]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(map(latex_text, cells)) + r" \\"


class _Cells:
    """A column, and how narrow it can be, in letters: numbers and words stay whole, sentences need some width."""

    def __init__(self, name: str, cells: Sequence[str], is_prose: bool) -> None:
        self.is_numeric = any(cells) and all(cell[:1] in "0123456789+-–−" for cell in cells)
        self.width = max(map(len, [name, *cells]))
        words = max(len(word) for text in [name, *cells] for word in text.split() or [""])
        whole = max(map(len, [*name.split(), *cells]), default=0)
        self.wraps = not self.is_numeric or whole > LONGEST_NUMBER
        self.least = min(self.width, max(words, PROSE if is_prose else SHORT)) if self.wraps else whole


def _layout(columns: Sequence[_Cells], room: int) -> str:
    """The kind of each column: r for numbers, l for words, p with a width where a heading or words wrap."""
    missing = sum(column.width for column in columns) - room
    spare = room - sum(column.least for column in columns)
    more = sum(column.width - column.least for column in columns if column.wraps) or 1
    kinds = []
    for column in columns:
        width = column.least + (spare * (column.width - column.least) / more if column.wraps else 0)
        if missing <= 0 or column.width <= width:
            kinds.append("r" if column.is_numeric else "l")
        else:
            side = "right" if column.wraps else "left"
            kinds.append(rf">{{\ragged{side}\arraybackslash}}p{{{width * LETTER:.1f}em}}")
    return f"@{{}}{''.join(kinds)}@{{}}"


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Records of JSON as CSV: a line of names, then a row each, with whole numbers for programs.

    The fields of an object within a record have names joined by `_`, those of several objects are numbered from 1.
    Cells without a value are empty. An apostrophe comes before a text that a spreadsheet would take for a formula.
    """
    flat = [dict(_flattened("", record)) for record in records]
    names = list(dict.fromkeys(name for record in flat for name in record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_cell(record.get(name)) for name in names] for record in flat)
    return text.getvalue()


def _flattened(prefix: str, value: Any) -> Iterable[tuple[str, Any]]:
    """The innermost values of a record, with their names."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flattened(f"{prefix}_{key}" if prefix else str(key), inner)
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value, start=1):
            yield from _flattened(f"{prefix}_{number}", inner)
    else:
        yield prefix, value


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    if isinstance(value, str):
        value = printable(value)
        return f"'{value}" if value[1:] and value.startswith(FORMULA) else value
    return value
