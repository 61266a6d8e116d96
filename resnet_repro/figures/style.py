"""One look for every figure: readable in print, safe for colour-blind readers, equal bytes for equal input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis import Entry

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "resnet-repro",
    "svg.fonttype": "path",
}

# Okabe and Ito's colours, told apart by every kind of colour vision; yellow, too pale on white, left out.
DEPTH_COLOURS = {20: "#E69F00", 32: "#009E73", 44: "#56B4E9", 56: "#D55E00", 110: "#0072B2", 1202: "#CC79A7"}
OTHER_COLOURS = ("#000000", "#7f6d5f", "#5f7f6d", "#6d5f7f")
MOMENT_COLOURS = ("#fcc02b", "#e8704a", "#b33a7a", "#6a1ea1", "#0d0887")  # early to late, light to dark
PLAIN_COLOUR, RESIDUAL_COLOUR = "#D55E00", "#0072B2"
GREY = "#6b6b6b"


def depth_colours(depths: Sequence[int]) -> dict[int, str]:
    """A colour for each depth: always the same one for the papers' depths, the rest in turn."""
    others = [depth for depth in sorted(set(depths)) if depth not in DEPTH_COLOURS]
    return DEPTH_COLOURS | {depth: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, depth in enumerate(others)}


def entry_styles(entries: Sequence[Entry]) -> dict[Entry, tuple[str, str]]:
    """A colour and a line for each net: the depth's colour, plain nets dashed, where that tells them all apart."""
    keys = [(entry.model.depth, entry.model.shortcut == "none") for entry in entries]
    if len(set(keys)) == len(keys):
        colours = depth_colours([depth for depth, _ in keys])
        return {
            entry: (colours[depth], "--" if plain else "-") for entry, (depth, plain) in zip(entries, keys, strict=True)
        }
    palette = (*DEPTH_COLOURS.values(), "#000000")
    lines = ("-", "--", ":", "-.")
    return {
        entry: (palette[number % len(palette)], lines[number // len(palette) % len(lines)])
        for number, entry in enumerate(entries)
    }


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, `width` by `height` inches, for drawing within a context of `STYLE`."""
    return Figure(figsize=(width, height), layout="constrained")


def add_title(figure: Figure, title: str, conditions: str) -> None:
    """What is shown, and under it, smaller, from which data, schedule, device and seeds."""
    figure.suptitle(f"$\\bf{{{title.replace(' ', '~')}}}$\n{verbatim(conditions)}", fontsize=9, x=0.01, ha="left")


def log_scale(axes: Axes) -> None:
    """A logarithmic y axis, unless nothing on it is positive."""
    if any(np.any(np.asarray(line.get_ydata()) > 0) for line in axes.lines):
        axes.set_yscale("log")


def verbatim(text: str) -> str:
    """Text from a file for a figure, where a dollar sign would begin a formula."""
    return text.replace("$", r"\$")


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], gap: float = 0.052) -> None:
    """Write each (x, y, text, colour) at the right edge, level with its point, moved apart where they would overlap.

    `gap` is the height of a line of text as a share of the axis.
    """
    low, high = axes.get_ylim()
    gap *= high - low
    heights = spread([y for _, y, _, _ in ends], gap, low + gap / 2, high - gap / 4)
    for (x, y, text, colour), place in zip(ends, heights, strict=True):
        axes.annotate(
            text,
            xy=(x, y),
            xytext=(1.035, place),
            textcoords=("axes fraction", "data"),
            color=colour,
            fontsize=8,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights in the same order but at least `gap` apart, moved as little as possible, within low and high.

    Neighbours that would overlap become one block, centred where its members were.
    """
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    blocks: list[list[float]] = []  # the heights that each block's members ask for
    for index in order:
        blocks.append([heights[index]])
        while len(blocks) > 1 and _bottom(blocks[-1], gap, low, high) < (
            _bottom(blocks[-2], gap, low, high) + gap * len(blocks[-2])
        ):
            last = blocks.pop()
            blocks[-1] += last
    places = [_bottom(block, gap, low, high) + gap * number for block in blocks for number in range(len(block))]
    result = [0.0] * len(heights)
    for index, place in zip(order, places, strict=True):
        result[index] = place
    return result


def _bottom(block: Sequence[float], gap: float, low: float, high: float) -> float:
    """Where the lowest member of a block stands."""
    extent = gap * (len(block) - 1)
    return max(min(sum(block) / len(block) - extent / 2, high - extent), low)
