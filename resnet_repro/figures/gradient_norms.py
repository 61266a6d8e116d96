"""Gradient norm of each weight layer at several steps: does it vanish or explode with depth?"""

import math

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.groups import Group
from resnet_repro.figures.axes import label_counts, log_scale
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.colours import STEP_COLOURS
from resnet_repro.figures.probed import averaged, geometric_mean, grid, is_first, probed, spread_steps
from resnet_repro.figures.readout import mark_curve
from resnet_repro.figures.style import WEB, Style, add_legend, drawing, mark

PROBE = "gradient_norm"


def draw_gradient_norms(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for each net and a line for each step, on one logarithmic scale; None if nothing was measured."""
    found = probed(group, PROBE, geometric_mean)
    if not found:
        return None
    with drawing(style):
        names = [entry.name for entry in found]
        figure, panels = grid(group.only(list(found)), style, "Gradient norm by layer", names, share_y=True)
        chosen = spread_steps(sorted({step for by_step in found.values() for step in by_step}))
        for axes, (entry, by_step) in zip(panels, found.items(), strict=True):
            mark(axes, entry)
            for step, colour in zip(chosen, STEP_COLOURS, strict=False):
                if step in by_step:
                    norms = [norm or math.nan for (layer, _), norm in by_step[step].items() if ".shortcut" not in layer]
                    (line,) = axes.plot(range(1, len(norms) + 1), norms, color=colour, linewidth=1.2 * style.line)
                    mark_curve(line, entry, f"gradient norm {{y:.2g}} of layer {{x}} at step {step}", steps=False)
            log_scale(axes)
            label_counts(axes, "layer, from input to output")
            axes.tick_params(labelleft=True)
            axes.set_ylabel("gradient norm" if is_first(axes) else "")
        lines = [Line2D([], [], color=colour, linewidth=1.2 * style.line, label=f"step {step}")
                 for step, colour in zip(chosen, STEP_COLOURS, strict=False)]  # fmt: skip
        add_legend(figure, style, lines, most=5)
    return figure


def caption_gradient_norms(group: Group) -> Caption:
    found = probed(group, PROBE, geometric_mean)
    zeros = any(norm == 0 for by_step in found.values() for norms in by_step.values() for norm in norms.values())
    left_out = " Norms of exactly zero cannot be shown on that scale and are left out." if zeros else ""
    entries = list(found)
    return Caption(
        "Norm of the gradient of the loss with respect to the weights of each layer, at up to five steps of training, "
        "a panel for each net.",
        "Layers are in order from input to output, without those of shortcuts. All panels share one logarithmic scale. "
        "A line is a step, from light (early) to dark (late). If a line falls or rises by orders of magnitude over the "
        f"layers, the gradients vanish or explode.{left_out}{averaged(entries, 'geometric means')}",
        entries,
    )
