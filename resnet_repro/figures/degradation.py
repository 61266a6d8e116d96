"""Final error against depth. In the paper, deeper plain nets get worse and deeper residual nets do not."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.captions import ABOUT_LAST_EPOCH, Caption
from resnet_repro.figures.readout import error_of, mark_curve
from resnet_repro.figures.style import (
    PLAIN_COLOUR,
    RESIDUAL_COLOUR,
    WEB,
    Style,
    add_legend,
    add_title,
    drawing,
    mark,
    new_figure,
)
from resnet_repro.papers import final_error

# Name, colour, marker, and the offset of a value from its marker, in sizes of its text.
KINDS = {"none": ("plain", PLAIN_COLOUR, "o", 0.9), "identity": ("residual", RESIDUAL_COLOUR, "s", -1.6)}
PANELS = {"train_error_pct": " (running)", "test_error_pct": ""}  # columns, and what follows their labels
ROOM = 0.12  # the share of the axis that a value below its point takes


def draw_degradation(group: Group, style: Style = WEB) -> Figure | None:
    """Final training and test error against depth, with the papers' values if the schedule is theirs.

    None unless plain or residual nets of two depths, as the paper builds them, have finished.
    """
    found = _found(group)
    if not found:
        return None
    several = any(len(entry.finished) > 1 for entries in found.values() for entry in entries)
    with drawing(style):
        figure = new_figure(style, 7.6, 4.1)
        panels = figure.subplots(1, 2, sharey=not group.condition.is_papers)
        depths = sorted({entry.model.depth for entries in found.values() for entry in entries})
        for axes, (column, more) in zip(panels, PANELS.items(), strict=True):
            for kind, entries in found.items():
                _draw_kind(axes, style, kind, entries, column, depths, papers=group.condition.is_papers)
            axes.set_title(group.condition.labels[column] + more, loc="left")
            axes.set_xlabel("depth (weighted layers)")
            axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
            axes.margins(x=0.15)
            axes.tick_params(labelleft=True)
        for axes in panels:
            axes.set_ylim(*_limits([axes] if group.condition.is_papers else panels))
        panels[0].set_ylabel("error at the end (%)")
        handles = [_with_marker(line) for line in panels[1].lines if not str(line.get_label()).startswith("_")]
        add_legend(figure, style, handles, "bars: one standard deviation over seeds" if several else None, most=4)
        shown = group.only([entry for entries in found.values() for entry in entries])
        add_title(figure, style, "Final error against depth", shown.title())
    return figure


def _with_marker(line: Line2D) -> Line2D:
    """A line for the legend with its marker, because the panels draw lines and markers separately."""
    return Line2D(
        [], [], color=line.get_color(), linestyle=line.get_linestyle(), linewidth=line.get_linewidth(),
        marker=line.get_marker(), markerfacecolor=line.get_markerfacecolor(), label=line.get_label(),
    )  # fmt: skip


def caption_degradation(group: Group) -> Caption:
    found = _found(group)
    entries = [entry for kind in found.values() for entry in kind]
    several = any(len(entry.finished) > 1 for entry in entries)
    return Caption(
        "Error at the end of training against depth, for plain and residual nets: training error (left) and "
        f"{group.condition.test_label} (right).",
        f"{ABOUT_LAST_EPOCH} Circles are plain nets, squares residual nets; the number beside each is its error in %"
        + (", as a mean over seeds; bars are one standard deviation." if several else ".")
        + (" Open markers on dotted lines are the published values." if group.condition.is_papers else ""),
        entries,
    )


def _found(group: Group) -> dict[str, list[Entry]]:
    """The papers' nets that finished, by shortcut; empty unless one kind has two depths."""
    found = {kind: [entry for entry in group.entries if group.find(kind, entry.model.depth) is entry] for kind in KINDS}
    return found if any(len(entries) > 1 for entries in found.values()) else {}


def _limits(panels: Iterable[Axes]) -> tuple[float, float]:
    """The limits of the error axis: from zero, or a little below if values are written below the lowest points."""
    heights = [float(height) for axes in panels for line in axes.lines for height in np.ravel(line.get_ydata())]
    lowest, top = min(heights), min(100.0, 1.15 * max(heights))
    return -ROOM * top if lowest < ROOM * top else 0.0, top


def _draw_kind(
    axes: Axes, style: Style, kind: str, entries: Sequence[Entry], column: str, depths: Sequence[int], papers: bool
) -> None:
    name, colour, marker, side = KINDS[kind]
    label = f"{name}, ours" if papers else name
    finals = [(entry, depths.index(entry.model.depth), final) for entry in entries if (final := entry.final(column))]
    axes.plot([place for _, place, _ in finals], [final.mean for *_, final in finals], color=colour, marker=marker,
              linewidth=1.8 * style.line, markersize=0, label=label if finals else None)  # fmt: skip
    published = {depth: final_error(kind, depth, column) for depth in depths} if papers else {}
    for entry, place, final in finals:
        bar = axes.errorbar(place, final.mean, final.std or 0, color=colour, marker=marker, capsize=3 * style.line,
                            elinewidth=1.8 * style.line, capthick=style.line)  # fmt: skip
        spread, theirs = final.std or 0, published.get(entry.model.depth)
        ends = [final.mean + spread, final.mean - spread, final.mean if theirs is None else theirs]
        edge = max(ends) if side > 0 else min(ends)  # the value is written beyond the bar and the published point
        written = axes.annotate(f"{final.mean:.1f}", (place, edge), xytext=(0, side * style.small), ha="center",
                                textcoords="offset points", fontsize=style.small, color=colour,
                                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5})  # fmt: skip
        for artist in (*bar.get_children(), written):
            mark(artist, entry)
        mark_curve(bar.lines[0], entry, f"{error_of(entry, column, final.n)} at the end", steps=False)
    if papers:
        points = [(place, value) for place, value in enumerate(published.values()) if value is not None]
        axes.plot(*zip(*points, strict=True), linestyle=":", marker=marker, color=colour, markerfacecolor="white",
                  label=f"{name}, published")  # fmt: skip
