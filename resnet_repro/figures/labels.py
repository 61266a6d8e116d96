"""Labels for the ends of lines, at the right edge of their panel, moved apart if they would overlap."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

from resnet_repro.analysis.groups import Entry
from resnet_repro.figures.colours import ink
from resnet_repro.figures.style import Style, arrange, mark

NEAR = 0.9  # points beyond this share of the axis get a line to their label
LINE = 1.3  # the height of a line of text, in sizes of its font


class EndLabel(NamedTuple):
    """The label of the last point of a net's curve."""

    x: float
    y: float
    text: str
    colour: str
    entry: Entry


def label_ends(figure: Figure, panels: Mapping[Axes, Sequence[EndLabel]], style: Style) -> None:
    """Write each label at the right edge, level with its point. The figure grows if a panel is too low for its labels.

    Call this last, because it needs the final height of the panels.
    """
    line = LINE * style.small / 72  # inches
    heights = _heights(figure, panels)
    missing = max((line * (len(ends) + 1) - height for ends, height in heights), default=0)
    if missing > 0:
        rows = max(axes.get_subplotspec().get_gridspec().nrows for axes in panels)  # type: ignore[union-attr]  # all are in a grid
        figure.set_figheight(figure.get_figheight() + rows * missing)
        heights = _heights(figure, panels)
    for axes, (ends, height) in zip(panels, heights, strict=True):
        _label(figure, axes, ends, line / height, style)


def _heights(figure: Figure, panels: Mapping[Axes, Sequence[EndLabel]]) -> list[tuple[Sequence[EndLabel], float]]:
    """The labels of each panel, and the panel's height in inches. Arranges the panels without drawing them."""
    arrange(figure)
    return [(ends, axes.get_window_extent().height / figure.dpi) for axes, ends in panels.items()]


def _label(figure: Figure, axes: Axes, ends: Sequence[EndLabel], line: float, style: Style) -> None:
    """Write the labels of one panel; `line` is the height of a line of text as a share of the axis."""
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    gap = line * (high - low)
    beside = offset_copy(axes.get_yaxis_transform(), figure, x=style.small, units="points")
    heights = spread([end.y for end in ends], gap, low + gap / 2, high - gap / 4)
    for end, place in zip(ends, heights, strict=True):
        near = end.x >= left + NEAR * (right - left)  # a longer line would look like a curve
        leader = {"arrowstyle": "-", "color": end.colour, "linewidth": 0.5 * style.line, "shrinkA": 1, "shrinkB": 0,
                  "relpos": (0, 0.5)}  # fmt: skip
        label = axes.annotate(
            end.text, xy=(end.x, end.y), xytext=(1, place), textcoords=beside, color=ink(end.colour),
            fontsize=style.small, va="center", annotation_clip=False, arrowprops=leader if near else None,
        )  # fmt: skip
        mark(label, end.entry)
        if label.arrow_patch:
            mark(label.arrow_patch, end.entry)


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move heights as little as possible so that they are at least `gap` apart, between `low` and `high`.

    The order is kept. Neighbours that would overlap become a block, centred on the mean of its members.
    """
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    blocks: list[list[float]] = []  # the original heights of the members of each block
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
    """The new height of the lowest member of a block."""
    extent = gap * (len(block) - 1)
    return max(min(sum(block) / len(block) - extent / 2, high - extent), low)
