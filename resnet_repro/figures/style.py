"""One look for every figure: readable at every size, safe for colour-blind readers, equal bytes for equal input."""

import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry


@dataclass(frozen=True)
class Style:
    """How large everything is, in inches and points. Drawing functions ask for the size on a screen."""

    family: tuple[str, ...] = ("DejaVu Sans",)  # and where it lacks a letter
    mathtext: str = "dejavusans"
    text: float = 9.0  # points, of titles and axes
    small: float = 8.0  # of labels and legends
    tiny: float = 6.5  # of notes
    letter: float = 0.53  # how wide a letter is on average, in its size
    line: float = 1.0  # times every width of a line and size of a marker
    gap: float = 1.0  # times every distance between the parts of a figure
    scale: float = 1.0  # times every height, and every width unless `widths` are given
    widths: tuple[float, float] | None = None  # inches, of figures with one panel a row, and with more
    least_height: float = 0.0  # inches
    dpi: int = 200

    def size(self, width: float, height: float, columns: int) -> tuple[float, float]:
        """Inches of a figure of `columns` panels a row that takes `width` by `height` on a screen."""
        wide = self.widths[columns > 1] if self.widths else width * self.scale
        return wide, max(height * self.scale, self.least_height)

    def settings(self) -> Any:
        """Of matplotlib, while a figure is drawn."""
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
    # A page of two columns, 3.4 and 6.9 inches wide.
    "paper": Style(("STIXGeneral", "DejaVu Sans"), "stix", text=8, small=7.5, tiny=6.5, letter=0.45, line=0.75, gap=0.6,
                   scale=0.76,
                   widths=(3.4, 6.9), dpi=300),
    # A slide of 16:9; where many panels or labels would not fit, the figure grows downward.
    "slides": Style(text=16, small=14, tiny=12, line=1.8, gap=1.8, scale=1.4, widths=(13.333, 13.333), least_height=7.5,
                    dpi=144),
}  # fmt: skip

# Okabe and Ito's colours, told apart by every kind of colour vision; yellow, too pale on white, left out.
DEPTH_COLOURS = {20: "#E69F00", 32: "#009E73", 44: "#56B4E9", 56: "#D55E00", 110: "#0072B2", 1202: "#CC79A7"}
OTHER_COLOURS = ("#000000", "#7f6d5f", "#5f7f6d", "#6d5f7f")
MANY_COLOURS = (*DEPTH_COLOURS.values(), "#000000", "#999933", "#882255", "#8a8a8a", "#6d5fc4")
MOMENT_COLOURS = ("#fcc02b", "#e8704a", "#b33a7a", "#6a1ea1", "#0d0887")  # early to late, light to dark
PLAIN_COLOUR, RESIDUAL_COLOUR = "#D55E00", "#0072B2"

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NO_BREAK = "\u00a0"
NET, TITLE = "net:", "title"  # what the gid of an artist begins with, or is


def mark(artist: Artist, entry: Entry) -> None:
    """Say that an artist belongs to one net, so that a page can switch that net off."""
    artist.set_gid(f"{NET}{entry.name}")


def depth_colours(depths: Sequence[int]) -> dict[int, str]:
    """A colour for each depth: always the same one for the papers' depths, the rest in turn."""
    others = [depth for depth in sorted(set(depths)) if depth not in DEPTH_COLOURS]
    return DEPTH_COLOURS | {depth: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, depth in enumerate(others)}


def entry_styles(entries: Sequence[Entry]) -> dict[Entry, tuple[str, str]]:
    """A colour and a line for each net: the colour of its depth and the line of its kind, where that tells them apart.

    Plain nets are dashed, residual ones solid; without BN dotted, and dash-dotted.
    """
    kinds = {(False, "batch"): "-", (True, "batch"): "--", (True, "none"): ":", (False, "none"): "-."}
    lines = tuple(kinds.values())
    keys = [(entry.model.depth, (entry.model.shortcut == "none", entry.model.normalization)) for entry in entries]
    if len(set(keys)) == len(keys):
        colours = depth_colours([depth for depth, _ in keys])
        return {entry: (colours[depth], kinds[kind]) for entry, (depth, kind) in zip(entries, keys, strict=True)}
    return {
        entry: (MANY_COLOURS[number % len(MANY_COLOURS)], lines[number // len(MANY_COLOURS) % len(lines)])
        for number, entry in enumerate(entries)
    }


@contextmanager
def drawing(style: Style) -> Iterator[None]:
    """In which figures are drawn and laid out. A letter that no font has, in a name from a file, is no warning."""
    with matplotlib.rc_context(style.settings()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def new_figure(style: Style, width: float, height: float, columns: int = 2) -> Figure:
    """An empty figure that takes `width` by `height` inches on a screen, with `columns` panels side by side."""
    return Figure(figsize=style.size(width, height, columns), layout="constrained")


def panel_width(figure: Figure, axes: Axes) -> float:
    """How many inches a panel is wide at the least, without what stands at its axis."""
    spec = axes.get_subplotspec()
    assert spec
    return 0.66 * figure.get_figwidth() / spec.get_gridspec().ncols


def add_title(figure: Figure, style: Style, title: str, conditions: str) -> None:
    """What is shown, and under it, smaller, from which data, schedule, device and seeds."""
    parts = "\n".join(" · ".join(map(together, line.split(" · "))) for line in conditions.split("\n"))
    lines = wrapped(parts, figure.get_figwidth(), style, style.text)
    bold = f"$\\bf{{{title.replace(' ', '~')}}}$"
    figure.suptitle(f"{bold}\n{lines}", fontsize=style.text, x=0.01, ha="left").set_gid(TITLE)


def add_legend(
    figure: Figure,
    style: Style,
    handles: Sequence[Artist],
    title: str | None = None,
    most: int = 3,
    entries: Sequence[Entry] = (),
) -> None:
    """Below the panels, in as many columns as have room, `most` at the most. `entries`: whose lines they are."""
    labels = [str(handle.get_label()) for handle in handles]
    widest = (style.letter * max(map(len, labels), default=0) + 5) * style.small / 72  # with its handle
    columns = max(1, min(most, int(figure.get_figwidth() / widest)))
    if title:
        title = wrapped(title, figure.get_figwidth(), style, style.small)
    legend = figure.legend(handles, labels, title=title, loc="outside lower center", ncols=columns)
    for entry, handle, text in zip(entries, legend.legend_handles, legend.get_texts(), strict=False):
        for artist in (handle, text):
            if artist:
                mark(artist, entry)


def wrapped(text: str, inches: float, style: Style, size: float) -> str:
    """Text from a file for a figure: broken where it would be wider than that, and no dollar sign begins a formula."""
    letters = max(8, int(inches * 72 / (style.letter * size)))
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, letters)]
    return "\n".join(lines).replace(NO_BREAK, " ").replace("$", r"\$")


def together(text: str) -> str:
    """Words that `wrapped` leaves in one line, as long as they fit into it."""
    return text.replace(" ", NO_BREAK)


def log_scale(axes: Axes) -> None:
    """A logarithmic y axis, unless nothing on it is positive."""
    if any(np.any(np.asarray(line.get_ydata()) > 0) for line in axes.lines):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"10{f'{math.log10(value):.0f}'.translate(RAISED)}")
