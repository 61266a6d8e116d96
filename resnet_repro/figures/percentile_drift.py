"""How the distribution of the input of one deep activation changes during training, as in [B] Fig. 1b and c."""

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.errors import printable
from resnet_repro.figures.axes import panel_width
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.probed import Values, averaged, grid, probed
from resnet_repro.figures.readout import mark_curve
from resnet_repro.figures.style import WEB, Style, add_legend, drawing, mark, together, wrapped

PROBE = "input_percentiles"
LINES = {"p85": ("#0072B2", "85 %"), "p50": ("#000000", "50 %"), "p15": ("#D55E00", "15 %")}
MARKED = 100  # with more points, their markers would hide the lines


def draw_percentile_drift(group: Group, style: Style = WEB) -> Figure | None:
    """The 15th, 50th and 85th percentiles by step, a panel and scale for each net; None if nothing was measured."""
    found = _percentiles(group)
    if not found:
        return None
    with drawing(style):
        names = [entry.name for entry in found]
        figure, panels = grid(
            group.only(list(found)), style, "Percentiles of the input of a deep activation", names, share_y=False
        )
        width = panel_width(figure, panels[0])
        marker = "." if sum(map(len, found.values())) <= MARKED else None
        for axes, (entry, by_step) in zip(panels, found.items(), strict=True):
            mark(axes, entry)
            layer = next(iter(next(iter(by_step.values()))))[0]
            for name, (colour, label) in LINES.items():
                (line,) = axes.plot(list(by_step), [values[layer, name] for values in by_step.values()], color=colour,
                          label=label, linewidth=1.4 * style.line, marker=marker)  # fmt: skip
                mark_curve(line, entry, f"{name[1:]}th percentile {{y:.3g}}")
            place = f"{printable(layer)},\nmap {entry.runs[0].experiment.probes.unit}"
            axes.set_ylabel(wrapped(place, width, style, style.tiny), fontsize=style.tiny)
            moves = f"iterations {together(f'(median moves by {drift(layer, by_step):.2f} spreads)')}"
            axes.set_xlabel(wrapped(moves, width, style, style.small), fontsize=style.small)
        add_legend(figure, style, panels[0].lines,
                   "percentile; a spread is the mean distance between the 15th and the 85th")  # fmt: skip
    return figure


def caption_percentile_drift(group: Group) -> Caption:
    entries = list(_percentiles(group))
    return Caption(
        "The 15th, 50th and 85th percentile of the input of one deep activation over the iterations of training, a "
        "panel for each net.",
        "The label at the left names the activation and the feature map. Each panel has its own scale. Below it is the "
        "distance between the largest and the smallest median, in spreads; a spread is the mean distance between the "
        f"15th and the 85th percentile.{averaged(entries)}",
        entries,
    )


def _percentiles(group: Group) -> dict[Entry, dict[int, Values]]:
    """By net and step, the three percentiles of the layer that the net's first row names; steps without one are left
    out, and so are nets without a step."""
    found: dict[Entry, dict[int, Values]] = {}
    for entry, by_step in probed(group, PROBE).items():
        layer = next(iter(next(iter(by_step.values()))))[0]
        places = [(layer, name) for name in LINES]
        whole = {
            step: {place: values[place] for place in places}
            for step, values in by_step.items()
            if values.keys() >= set(places)
        }
        if whole:
            found[entry] = whole
    return found


def drift(layer: str, by_step: dict[int, Values]) -> float:
    """The range of the median over the steps, divided by the mean distance between 15th and 85th percentile."""
    medians = [values[layer, "p50"] for values in by_step.values()]
    spreads = [values[layer, "p85"] - values[layer, "p15"] for values in by_step.values()]
    mean_spread = sum(spreads) / len(spreads)
    return (max(medians) - min(medians)) / mean_spread if mean_spread > 0 else 0.0
