"""Final error against depth: plain nets get worse, residual nets do not."""

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis import Entry, Group
from resnet_repro.figures.style import PLAIN_COLOUR, RESIDUAL_COLOUR, STYLE, add_title, new_figure
from resnet_repro.published import final_error

# Name, colour, marker, and on which side of a marker, in points, its value stands.
KINDS = {"none": ("plain", PLAIN_COLOUR, "o", 6), "identity": ("residual", RESIDUAL_COLOUR, "s", -14)}
PANELS = {"train_error_pct": "training error (running)", "test_error_pct": "test error"}


def draw_degradation(group: Group) -> Figure | None:
    """Training and test error at the end against depth, with the papers' points where the schedule is theirs.

    None where no kind of net has two depths that finished, as there is nothing to compare.
    """
    found = {kind: [entry for entry in group.entries if group.find(kind, entry.model.depth) is entry] for kind in KINDS}
    if all(len(entries) < 2 for entries in found.values()):
        return None
    with matplotlib.rc_context(STYLE):
        figure = new_figure(7.6, 4.1)
        panels = figure.subplots(1, 2, sharey=not group.condition.is_papers)
        depths = sorted({entry.model.depth for entries in found.values() for entry in entries})
        for axes, (column, title) in zip(panels, PANELS.items(), strict=True):
            for kind, entries in found.items():
                _draw_kind(axes, kind, entries, column, depths, papers=group.condition.is_papers)
            axes.set_title(title, loc="left")
            axes.set_xlabel("depth (weighted layers)")
            axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
            axes.margins(x=0.15)
            top = min(100, axes.get_ylim()[1] * 1.15)
            axes.set_ylim(-0.09 * top, top)  # room for the values under the lowest points
            axes.tick_params(labelleft=True)
        panels[0].set_ylabel("error at the end (%)")
        handles, labels = panels[1].get_legend_handles_labels()
        several = any(len(entry.finished) > 1 for entries in found.values() for entry in entries)
        bars = "bars: one standard deviation over seeds" if several else None
        figure.legend(handles, labels, title=bars, loc="outside lower center", ncols=4, fontsize=8, title_fontsize=8)
        add_title(figure, "Final error against depth", group.title())
    return figure


def _draw_kind(axes: Axes, kind: str, entries: list[Entry], column: str, depths: list[int], papers: bool) -> None:
    name, colour, marker, side = KINDS[kind]
    finals = [(depths.index(entry.model.depth), final) for entry in entries if (final := entry.final(column))]
    if finals:
        places, estimates = zip(*finals, strict=True)
        axes.errorbar(places, [final.mean for final in estimates], [final.std or 0 for final in estimates],
                      color=colour, marker=marker, capsize=3, linewidth=1.8,
                      label=f"{name}, ours" if papers else name)  # fmt: skip
        for place, final in finals:
            axes.annotate(f"{final.mean:.1f}", (place, final.mean), xytext=(0, side), textcoords="offset points",
                          ha="center", fontsize=8, color=colour)  # fmt: skip
    if papers:
        points = [(place, value) for place, depth in enumerate(depths)
                  if (value := final_error(kind, depth, column)) is not None]  # fmt: skip
        axes.plot(*zip(*points, strict=True), linestyle=":", marker=marker, color=colour, markerfacecolor="white",
                  label=f"{name}, published")  # fmt: skip
