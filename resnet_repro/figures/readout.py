"""What the report says about a point of a curve, when a reader points at it or reaches it with the keyboard."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.groups import Entry
from resnet_repro.figures.style import NET


def mark_curve(line: Line2D, entry: Entry, says: str, steps: bool = True) -> None:
    """Record in a line's gid to which net it belongs, and what its points say: "test error {y:.2f} %".

    {x} and {y} are the values of a point, and {n} is its number, from 1. If x counts `steps`, the step and the epoch
    are said too.
    """
    epoch = entry.runs[0].experiment.data.epoch_images / entry.training.batch_size
    line.set_gid("\n".join((f"{NET}{entry.name}", says, f"{epoch:g}" * steps)))


def error_of(entry: Entry, column: str, seeds: int) -> str:
    """What the points of an error curve say, which are means over several seeds if there are."""
    tested = "validation error" if entry.runs[0].experiment.data.validation_images else "test error"
    name = {"train_error_pct": "training error", "test_error_pct": tested}[column]
    return f"{name} {{y:.2f}} %{f' (mean of {seeds} seeds)' if seeds > 1 else ''}"


def net_of(artist: Artist) -> str:
    """The net that an artist was marked with; empty if it was not."""
    gid = artist.get_gid() or ""
    return gid.removeprefix(NET).split("\n")[0] if gid.startswith(NET) else ""


def marked_curves(figure: Figure) -> list[Line2D]:
    return [line for axes in figure.axes for line in axes.lines if net_of(line) and "\n" in str(line.get_gid())]


class Readout(NamedTuple):
    """How a page reads a curve: what its points say, the steps in an epoch if x counts steps, and the points.

    Numbers are separated by spaces; "4+2*3" in `xs` is 4 6 8, and "-" in `ys` is a point that is not drawn.
    """

    says: str
    epoch: str
    xs: str
    ys: str


def readout(line: Line2D) -> Readout:
    """That of a marked curve."""
    _, says, epoch = str(line.get_gid()).split("\n")
    form = re.search(r"\{y:([^}]*)\}", says)
    assert form, says
    xs, ys = (np.asarray(values, dtype=float).tolist() for values in (line.get_xdata(), line.get_ydata()))
    written = " ".join(format(y, form[1]) if math.isfinite(y) else "-" for y in ys)
    return Readout(says.replace(form[0], "{y}"), epoch, _progressions(xs), re.sub(r"e([+-])0", r"e\1", written))


def frame(axes: Axes) -> dict[str, str]:
    """Where a panel of a figure that was drawn is: left, top, right and bottom in points of the figure, the values
    there, and which of its axes are logarithmic: "x", "y" or "xy"."""
    figure = axes.get_figure(root=True)
    assert figure
    (width, height), place = figure.get_size_inches() * 72, axes.get_position()
    edges = place.x0 * width, (1 - place.y1) * height, place.x1 * width, (1 - place.y0) * height
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    written = [*(f"{edge:.1f}" for edge in edges), *(f"{value:.6g}" for value in (left, top, right, bottom))]
    logarithmic = "".join(axis for axis in "xy" if getattr(axes, f"get_{axis}scale")() == "log")
    return {"frame": " ".join(written)} | ({"log": logarithmic} if logarithmic else {})


def _progressions(values: Sequence[float]) -> str:
    """Numbers, with "first+step*count" for three or more that are evenly spaced."""
    written, place = [], 0
    while place < len(values):
        gaps = np.diff(values[place:])
        even = np.isclose(gaps, gaps[:1], rtol=1e-9, atol=0)
        count = 1 + (len(gaps) if even.all() else int(even.argmin()))
        first = f"{values[place]:.7g}"
        written.append(f"{first}+{gaps[0]:.7g}*{count}" if count > 2 else first)
        place += count if count > 2 else 1
    return " ".join(written)
