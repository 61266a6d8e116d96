"""Standard deviation of each layer's response, by layer and sorted, as in [R] Fig. 7."""

import math
import statistics

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Group
from resnet_repro.analysis.measures import median_layer_response
from resnet_repro.figures.axes import label_counts, log_scale
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.colours import entry_styles
from resnet_repro.figures.probed import averaged, probed
from resnet_repro.figures.readout import mark_curve
from resnet_repro.figures.style import WEB, Style, add_legend, add_title, drawing, new_figure

PROBE = "layer_response"
MANY_DECADES = 1000  # with a smaller factor, the logarithmic axis has ticks between powers of ten
WIDE = 5  # if the largest value exceeds the smallest by this factor, the axis is logarithmic


def draw_layer_responses(group: Group, style: Style = WEB) -> Figure | None:
    """Responses at the end of training, after BN and before ReLU or addition; None if nothing was measured."""
    found = probed(group, PROBE)
    if not found:
        return None
    styles = entry_styles(list(found))
    with drawing(style):
        figure = new_figure(style, 9.2, 4.6)
        panels = figure.subplots(1, 2, sharey=True)
        everything: list[float] = []
        for entry, by_step in found.items():
            values = list(by_step[max(by_step)].values())
            everything += values
            colour, dashes = styles[entry]
            medians = [median for run in entry.runs if (median := median_layer_response(run)) is not None]
            label = f"{entry.name}: median {statistics.fmean(medians):.2f}"
            shown_as = ((values, "of layer {x}"), (sorted(values, reverse=True), "at place {x} from the largest"))
            for axes, (shown, place) in zip(panels, shown_as, strict=True):
                (line,) = axes.plot(range(1, len(values) + 1), shown, dashes, color=colour,
                                    linewidth=1.3 * style.line, label=label)  # fmt: skip
                mark_curve(line, entry, f"standard deviation {{y:.3g}} {place}", steps=False)
        positive = [value for value in everything if value > 0]
        if positive and max(positive) / min(positive) > WIDE:
            log_scale(panels[0], decades=max(positive) / min(positive) > MANY_DECADES)
        for axes, title, unit in zip(
            panels,
            ("by layer", "sorted by size"),
            ("layer, from input to output", "layer, from the largest response"),
            strict=True,
        ):
            axes.set_title(title, loc="left")
            label_counts(axes, unit)
            axes.tick_params(labelleft=True)
        panels[0].set_ylabel("standard deviation of the response")
        columns = min(3, math.ceil(len(found) / 2))
        add_legend(figure, style, panels[0].lines, most=columns, entries=list(found))
        add_title(figure, style, "Layer responses at the end of training", group.only(list(found)).title())
    return figure


def caption_layer_responses(group: Group) -> Caption:
    entries = list(probed(group, PROBE))
    return Caption(
        "Standard deviation of each layer's response at the last measured step, by layer (left) and sorted by size "
        "(right).",
        "A response is the output of a 3x3 layer after its batch normalisation, if it has one, and before the ReLU or "
        f"the addition. A line is a net; the legend gives the median over its layers, as a mean "
        f"over the seeds if there are several.{averaged(entries)}",
        entries,
    )
