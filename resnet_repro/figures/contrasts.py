"""Figures that compare several ways of training a net: a panel for each net, a line for each way."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.axes import label_counts
from resnet_repro.figures.curve_lines import draw_seeds, mean_curve
from resnet_repro.figures.labels import EndLabel, label_ends
from resnet_repro.figures.limits import error_limits
from resnet_repro.figures.probed import grid, is_first
from resnet_repro.figures.readout import error_of, mark_curve
from resnet_repro.figures.style import Style, drawing

USUAL_COLOUR, OTHER_COLOURS = "#0072B2", ("#D55E00", "#E69F00", "#CC79A7", "#7f6d5f")


class Contrast(NamedTuple):
    """What differs between the lines of a panel."""

    title: str
    is_usual: Callable[[Entry], bool]  # whether a line is solid; the others are dashed
    label: Callable[[Entry], str]  # the text at the end of a line


def draw_contrasts(
    group: Group, style: Style, contrast: Contrast, panels: Mapping[str, Sequence[Entry]]
) -> Figure | None:
    """The running training error of the nets of each panel, as means over seeds, each of which has a thin line.

    None if there are no panels.
    """
    if not panels:
        return None
    with drawing(style):
        shown = group.only([entry for entries in panels.values() for entry in entries])
        figure, axes = grid(shown, style, contrast.title, list(panels), share_y=True, wider=1.3)
        ends = {
            panel: _draw(panel, style, entries, contrast) for panel, entries in zip(axes, panels.values(), strict=True)
        }
        rows = [row for run in shown.runs for row in run.rows if run.status != "diverged"]
        errors = [row.train_error_pct for row in rows if row.train_error_pct is not None]
        axes[0].set_ylim(*error_limits(errors, 100.0))  # of all panels, which share it
        label_ends(figure, ends, style)
    return figure


def _draw(axes: Axes, style: Style, entries: Sequence[Entry], contrast: Contrast) -> list[EndLabel]:
    """Draw the nets of one panel. Returns the labels for the ends of their lines."""
    label_counts(axes, "iterations")
    axes.tick_params(labelleft=True)
    axes.set_ylabel("training error (%)" if is_first(axes) else "")
    others = iter(OTHER_COLOURS * len(entries))
    ends = []
    for entry in entries:
        usual = contrast.is_usual(entry)
        colour = USUAL_COLOUR if usual else next(others)
        runs = [run for run in entry.runs if run.rows]
        points = mean_curve(runs, "train_error_pct")
        if points:
            steps, means, _ = zip(*points, strict=True)
            (line,) = axes.plot(steps, means, "-" if usual else "--", color=colour, linewidth=1.6 * style.line,
                                marker="o" if len(points) == 1 else None)  # fmt: skip
            mark_curve(line, entry, error_of(entry, "train_error_pct", len(runs)))
            draw_seeds(axes, style, entry, "train_error_pct", colour)
            diverged = any(run.status == "diverged" for run in entry.runs)
            ends.append(
                EndLabel(steps[-1], means[-1], contrast.label(entry) + (" diverged" if diverged else ""), colour, entry)
            )
    return ends
