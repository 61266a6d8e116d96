"""The look of all figures: readable at every size and for colour-blind readers."""

import sys
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

from resnet_repro.analysis.groups import Entry
from resnet_repro.errors import printable
from resnet_repro.figures.few_colours import small_png


@dataclass(frozen=True)
class Style:
    """Fonts and sizes, in points and inches. Drawing functions give sizes for a screen, which a style scales."""

    family: tuple[str, ...] = ("DejaVu Sans",)  # further fonts for letters that the first one lacks
    mathtext: str = "dejavusans"
    text: float = 9.0  # points: titles and axes
    small: float = 8.0  # points: labels and legends
    tiny: float = 6.5  # points: notes
    letter: float = 0.53  # the average width of a letter, in sizes of its font
    line: float = 1.0  # factor for line widths and marker sizes
    gap: float = 1.0  # factor for the distances between the parts of a figure
    scale: float = 1.0  # factor for heights, and for widths unless `widths` is given
    widths: tuple[float, float] | None = None  # inches: figures with one panel in a row, and with several
    least_height: float = 0.0  # inches
    dpi: int = 200
    title: str = ""  # of the reader's own, above that of each figure

    def size(self, width: float, height: float, columns: int) -> tuple[float, float]:
        """The size in inches of a figure of `columns` panels in a row, which is `width` by `height` on a screen."""
        wide = self.widths[columns > 1] if self.widths else width * self.scale
        return wide, max(height * self.scale, self.least_height)

    def settings(self) -> Any:
        """The matplotlib settings for this style."""
        return {
            "font.family": list(self.family),
            "mathtext.fontset": self.mathtext,
            "font.size": self.text,
            "axes.titlesize": self.text + 1,
            "legend.fontsize": self.small,
            "legend.title_fontsize": self.small,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.8 * self.line,
            "axes.grid": True,
            "grid.color": GRID,
            "grid.linewidth": 0.6 * self.line,
            "lines.markersize": 6 * self.line,
            "axes.labelpad": 4 * self.gap,
            "axes.titlepad": 6 * self.gap,
            "figure.constrained_layout.h_pad": 0.042 * self.gap,
            **{
                f"{axis}tick.{which}.{size}": points * (self.gap if size == "pad" else self.line)
                for axis in "xy"
                for which, size, points in TICKS
            },
        }


TICKS = (("major", "size", 3.5), ("major", "width", 0.8), ("major", "pad", 3.5), ("minor", "size", 2.0),
         ("minor", "width", 0.6), ("minor", "pad", 3.4))  # fmt: skip
GRID, FAINT, GREY = "#e4e4e4", "#bbbbbb", "#6b6b6b"

WEB = Style()
STYLES = {
    "web": WEB,
    # For papers: a column is 3.4 inches wide, a page with two columns 6.9.
    "paper": Style(("STIXGeneral", "DejaVu Sans"), "stix", text=8, small=7.5, tiny=6.5, letter=0.45, line=0.75, gap=0.6,
                   scale=0.76, widths=(3.4, 6.9), dpi=300),
    # For slides of 16:9; the figure grows in height if many panels or labels need it.
    "slides": Style(text=16, small=14, tiny=12, line=1.8, gap=1.8, scale=1.4, widths=(13.333, 13.333), least_height=7.5,
                    dpi=144),
}  # fmt: skip

NO_BREAK = "\u00a0"
NET, TITLE = "net:", "title"  # gids: the prefix for artists of a net, and that of the title


def mark(artist: Artist, entry: Entry) -> None:
    """Record in an artist's gid to which net it belongs, so that the report can hide that net."""
    artist.set_gid(f"{NET}{entry.name}")


@contextmanager
def drawing(style: Style) -> Iterator[None]:
    """The context in which figures are drawn: matplotlib's defaults under this style, whatever a matplotlibrc says.

    Letters that no font has do not warn, as names come from files.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style.settings())
        yield


class NotebookFigure(Figure):
    """A figure that a notebook shows as the last value of a cell, without pyplot and in its own style."""

    style = WEB

    def _repr_png_(self) -> bytes:
        with drawing(self.style):
            return small_png(self, 110)  # as wide as a page


def new_figure(style: Style, width: float, height: float, columns: int = 2) -> Figure:
    """An empty figure of `width` by `height` inches on a screen, for `columns` panels in a row."""
    figure = NotebookFigure(figsize=style.size(width, height, columns), layout="constrained")
    figure.style = style
    if shell := sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None:
        keep_style(shell.display_formatter)
    return figure


def keep_style(display_formatter: Any) -> None:
    """Have IPython show our figures in their own style also where pyplot, which has its own, was imported."""
    display_formatter.formatters["image/png"].for_type(NotebookFigure, NotebookFigure._repr_png_)


def arrange(figure: Figure) -> None:
    """Give the panels of a new figure their places, without drawing it."""
    layout = figure.get_layout_engine()
    assert layout
    layout.execute(figure)


def settle(figure: Figure) -> None:
    """Give the panels of a whole figure their final places, so that saving it neither moves nor draws them twice."""
    arrange(figure)
    figure.set_layout_engine(None)


def add_title(figure: Figure, style: Style, title: str, conditions: str) -> None:
    """Write a bold title, and the conditions below it; above it the reader's own, which is bold in its place."""
    parts = "\n".join(" · ".join(map(together, line.split(" · "))) for line in conditions.split("\n"))
    lines = wrapped(parts, figure.get_figwidth(), style, style.text)
    head = f"$\\bf{{{title.replace(' ', '~')}}}$"
    if style.title:  # as a text of its own, because a formula would change its letters
        own = wrapped(printable(style.title), figure.get_figwidth(), style, 1.15 * style.text)
        head = "\n" * (own.count("\n") + 1) + title
        # where constrained layout puts the top of what is below
        top = offset_copy(figure.transFigure, figure, y=-0.042 * style.gap, units="inches")
        figure.text(0.01, 1, own, weight="bold", fontsize=style.text, va="top", transform=top).set_in_layout(False)
    figure.suptitle(f"{head}\n{lines}", fontsize=style.text, x=0.01, ha="left").set_gid(TITLE)


def add_legend(
    figure: Figure,
    style: Style,
    handles: Sequence[Artist],
    title: str | None = None,
    most: int = 3,
    entries: Sequence[Entry] = (),
) -> None:
    """A legend below the panels with as many columns as fit, up to `most`. `entries` are the nets of the handles."""
    labels = [str(handle.get_label()) for handle in handles]
    widest = (style.letter * max(map(len, labels), default=0) + 5) * style.small / 72  # including its handle
    columns = max(1, min(most, int(figure.get_figwidth() / widest)))
    if title:
        title = wrapped(title, figure.get_figwidth(), style, style.small)
    legend = figure.legend(handles, labels, title=title, loc="outside lower center", ncols=columns)
    for entry, handle, text in zip(entries, legend.legend_handles, legend.get_texts(), strict=False):
        for artist in (handle, text):
            if artist:
                mark(artist, entry)


def wrapped(text: str, inches: float, style: Style, size: float) -> str:
    """Text broken into lines of at most `inches`, with dollar signs escaped, which would begin a formula."""
    letters = max(8, int(inches * 72 / (style.letter * size)))
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, letters)]
    return "\n".join(lines).replace(NO_BREAK, " ").replace("$", r"\$")


def together(text: str) -> str:
    """Text that `wrapped` keeps in one line if it fits."""
    return text.replace(" ", NO_BREAK)
