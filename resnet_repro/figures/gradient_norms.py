"""Gradient norm of each weight layer at several moments of training: does it vanish or explode with depth?"""

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.analysis import Group
from resnet_repro.figures.probed import grid, moments, probed
from resnet_repro.figures.style import MOMENT_COLOURS, STYLE, log_scale


def draw_gradient_norms(group: Group) -> Figure | None:
    """A panel a net, on one logarithmic scale; a line a moment. None if nothing was measured."""
    found = probed(group, "gradient_norm")
    if not found:
        return None
    with matplotlib.rc_context(STYLE):
        figure, panels = grid(group, "Gradient norm by layer", [entry.name for entry in found], share_y=True)
        chosen = moments(sorted({step for by_step in found.values() for step in by_step}))
        for axes, by_step in zip(panels, found.values(), strict=True):
            for step, colour in zip(chosen, MOMENT_COLOURS, strict=False):
                if step in by_step:
                    norms = [norm for (layer, _), norm in by_step[step].items() if ".shortcut" not in layer]
                    axes.plot(range(1, len(norms) + 1), norms, color=colour, linewidth=1.2, label=f"step {step}")
            log_scale(axes)
            axes.set_xlabel("layer, from the input")
            axes.tick_params(labelleft=True)
        panels[0].set_ylabel("‖gradient by the weights‖")
        lines = {line.get_label(): line for axes in panels for line in axes.lines}
        labels = [f"step {step}" for step in chosen]
        figure.legend([lines[label] for label in labels], labels, loc="outside lower center", ncols=5, fontsize=8)
    return figure
