"""How the distribution of the input of one deep activation changes during training, as in [B] Fig. 1b and c."""

import statistics
from typing import NamedTuple

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.errors import printable
from resnet_repro.figures.axes import panel_width
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.probed import Values, grid
from resnet_repro.figures.readout import mark_curve
from resnet_repro.figures.style import WEB, Style, add_legend, drawing, mark, wrapped
from resnet_repro.record.run import Run

PROBE = "input_percentiles"
LINES = {"p85": ("#0072B2", "85 %"), "p50": ("#000000", "50 %"), "p15": ("#D55E00", "15 %")}
MARKED = 100  # with more points, their markers would hide the lines


class Drifts(NamedTuple):
    """What is drawn of a net: one of its runs, and how far the median moves in each."""

    by_step: dict[int, Values]  # of the run whose median moves by the median of all
    moves: list[float]  # in spreads, of each run

    @property
    def text(self) -> str:
        several = f"; seeds: {min(self.moves):.2f} to {max(self.moves):.2f}" if len(self.moves) > 1 else ""
        return f"median moves by {statistics.median_low(self.moves):.2f} spreads{several}"


def draw_percentile_drift(group: Group, style: Style = WEB) -> Figure | None:
    """The 15th, 50th and 85th percentiles by step, a panel and scale for each net; None if nothing was measured.

    A mean over seeds would hide the drift, as percentiles of different seeds move in different directions.
    """
    found = _percentiles(group)
    if not found:
        return None
    with drawing(style):
        names = [entry.name for entry in found]
        figure, panels = grid(
            group.only(list(found)), style, "Percentiles of the input of a deep activation", names, share_y=False
        )
        width = panel_width(figure, panels[0])
        marker = "." if sum(len(one.by_step) for one in found.values()) <= MARKED else None
        for axes, (entry, one) in zip(panels, found.items(), strict=True):
            mark(axes, entry)
            layer = layer_of(one.by_step)
            for name, (colour, label) in LINES.items():
                values = [at[layer, name] for at in one.by_step.values()]
                (line,) = axes.plot(list(one.by_step), values, color=colour, label=label, linewidth=1.4 * style.line,
                                    marker=marker)  # fmt: skip
                mark_curve(line, entry, f"{name[1:]}th percentile {{y:.3g}}")
            place = f"{printable(layer)},\nmap {entry.runs[0].experiment.probes.unit}"
            axes.set_ylabel(wrapped(place, width, style, style.tiny), fontsize=style.tiny)
            axes.set_xlabel(f"iterations\n{wrapped(f'({one.text})', width, style, style.small)}", fontsize=style.small)
        add_legend(figure, style, panels[0].lines,
                   "percentile; a spread is the mean distance between the 15th and the 85th")  # fmt: skip
    return figure


def caption_percentile_drift(group: Group) -> Caption:
    found = _percentiles(group)
    several = any(len(one.moves) > 1 for one in found.values())
    return Caption(
        "The 15th, 50th and 85th percentile of the input of one deep activation over the iterations of training, a "
        "panel for each net.",
        "The label at the left names the activation and the feature map. Each panel has its own scale. Below it is the "
        "distance between the largest and the smallest median, in spreads; a spread is the mean distance between the "
        "15th and the 85th percentile."
        + " Of several seeds, that of the middle is drawn and comes first, and the range of all follows."
        * several,
        list(found),
    )


def _percentiles(group: Group) -> dict[Entry, Drifts]:
    """What is drawn of each net that has measured the percentiles."""
    found: dict[Entry, Drifts] = {}
    for entry in group.entries:
        if runs := [by_step for run in entry.runs if (by_step := _of_run(run))]:
            moves = [drift(layer_of(by_step), by_step) for by_step in runs]
            found[entry] = Drifts(runs[moves.index(statistics.median_low(moves))], moves)
    return found


def _of_run(run: Run) -> dict[int, Values]:
    """By step, the three percentiles of the layer that the run's first row names; steps without one are left out."""
    rows = [row for row in run.probes if row.probe == PROBE]
    places = [(rows[0].layer, name) for name in LINES] if rows else []
    values: dict[int, Values] = {}
    for row in rows:
        values.setdefault(row.step, {})[row.layer, row.name] = row.value
    return {
        step: {place: at[place] for place in places} for step, at in sorted(values.items()) if at.keys() >= set(places)
    }


def layer_of(by_step: dict[int, Values]) -> str:
    """The layer of which these are the percentiles."""
    (layer, _), *_ = next(iter(by_step.values()))
    return layer


def drift(layer: str, by_step: dict[int, Values]) -> float:
    """The range of the median over the steps, divided by the mean distance between 15th and 85th percentile."""
    medians = [values[layer, "p50"] for values in by_step.values()]
    spreads = [values[layer, "p85"] - values[layer, "p15"] for values in by_step.values()]
    mean_spread = sum(spreads) / len(spreads)
    return (max(medians) - min(medians)) / mean_spread if mean_spread > 0 else 0.0
