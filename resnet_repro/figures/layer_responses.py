"""Standard deviation of each layer's response, by layer and sorted, as in [R] Fig. 7."""

import math

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.analysis import Group
from resnet_repro.figures.probed import probed
from resnet_repro.figures.style import STYLE, add_title, entry_styles, new_figure

WIDE = 30  # from this ratio of largest to smallest on, the axis is logarithmic


def draw_layer_responses(group: Group) -> Figure | None:
    """At the end of training: after BN, before the non-linearity or the addition. None if nothing was measured."""
    found = probed(group, "layer_response")
    if not found:
        return None
    styles = entry_styles(list(found))
    with matplotlib.rc_context(STYLE):
        figure = new_figure(9.2, 4.6)
        panels = figure.subplots(1, 2, sharey=True)
        everything: list[float] = []
        for entry, by_step in found.items():
            values = list(by_step[max(by_step)].values())
            everything += values
            colour, line = styles[entry]
            label = f"{entry.name}: median {sorted(values)[len(values) // 2]:.2f}"
            for axes, shown in zip(panels, (values, sorted(values, reverse=True)), strict=True):
                axes.plot(range(1, len(values) + 1), shown, line, color=colour, linewidth=1.3, label=label)
        positive = [value for value in everything if value > 0]
        if positive and max(positive) / min(positive) > WIDE:
            panels[0].set_yscale("log")
        for axes, title, unit in zip(
            panels, ("by layer", "sorted by size"), ("layer, from the input", "rank"), strict=True
        ):
            axes.set_title(title, loc="left")
            axes.set_xlabel(unit)
            axes.tick_params(labelleft=True)
        panels[0].set_ylabel("standard deviation of the response")
        handles, labels = panels[0].get_legend_handles_labels()
        columns = min(3, math.ceil(len(labels) / 2))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)
        add_title(figure, "Layer responses at the end of training", group.title())
    return figure
