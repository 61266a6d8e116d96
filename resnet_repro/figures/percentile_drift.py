"""How the distribution of one deep activation's input moves while the net trains, as in [B] Fig. 1b and c."""

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.analysis import Group
from resnet_repro.errors import printable
from resnet_repro.figures.probed import Values, grid, probed
from resnet_repro.figures.style import STYLE, verbatim

LINES = {"p85": ("#0072B2", "85 %"), "p50": ("#000000", "50 %"), "p15": ("#D55E00", "15 %")}


def draw_percentile_drift(group: Group) -> Figure | None:
    """A panel a net, each with its own scale: {15, 50, 85}th percentiles by step. None if nothing was measured."""
    found = probed(group, "input_percentiles")
    if not found:
        return None
    with matplotlib.rc_context(STYLE):
        names = [entry.name for entry in found]
        figure, panels = grid(group, "Percentiles of the input of a deep activation", names, share_y=False)
        for axes, (entry, by_step) in zip(panels, found.items(), strict=True):
            layer = next(iter(next(iter(by_step.values()))))[0]
            whole = {step: values for step, values in by_step.items() if len(values) == len(LINES)}
            for name, (colour, label) in LINES.items():
                axes.plot(list(whole), [values[layer, name] for values in whole.values()],
                          color=colour, linewidth=1.4, marker=".", label=label)  # fmt: skip
            unit = entry.runs[0].experiment.probes.unit
            axes.set_ylabel(verbatim(printable(f"{layer}, map {unit}")), fontsize=7)
            axes.set_xlabel(f"iterations (median moves {drift(layer, whole):.1f} spreads)", fontsize=8)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, title="percentile; a spread is the mean distance from the 15th to the 85th",
            loc="outside lower center", ncols=3, fontsize=8, title_fontsize=8,
        )  # fmt: skip
    return figure


def drift(layer: str, by_step: dict[int, Values]) -> float:
    """How far the median moved between its extremes, in units of the mean distance from the 15th to the 85th."""
    medians = [values[layer, "p50"] for values in by_step.values()]
    spreads = [values[layer, "p85"] - values[layer, "p15"] for values in by_step.values()]
    mean_spread = sum(spreads) / len(spreads) if spreads else 0.0
    return (max(medians) - min(medians)) / mean_spread if mean_spread > 0 else 0.0
