"""Shared by the figures of probes: values averaged over seeds, and a grid with a panel for each net."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.axes import panel_width
from resnet_repro.figures.style import Style, add_title, new_figure, wrapped

Values = dict[tuple[str, str], float]  # (layer, name) -> value, in forward order
Mean = Callable[[list[float]], float]
COLUMNS = 3


def probed(group: Group, probe: str, mean: Mean = statistics.fmean) -> dict[Entry, dict[int, Values]]:
    """The values of a probe by net and step, as means over seeds, for each net that has the probe."""
    found = {entry: _over_seeds(entry, probe, mean) for entry in group.entries}
    return {entry: values for entry, values in found.items() if values}


def geometric_mean(values: list[float]) -> float:
    """The mean on a logarithmic scale, of which no single large value makes up the most; 0 if any value is 0."""
    if len(values) == 1:
        return values[0]  # to its last digit
    return statistics.geometric_mean(values) if all(values) else 0.0


def _over_seeds(entry: Entry, probe: str, mean: Mean) -> dict[int, Values]:
    """The mean over seeds at the steps that every run with this probe has measured, by step and place."""
    rows = [found for run in entry.runs if (found := [row for row in run.probes if row.probe == probe])]
    common = set.intersection(*({row.step for row in found} for found in rows)) if rows else set()
    collected: dict[int, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in (row for found in rows for row in found if row.step in common):
        collected[row.step][row.layer, row.name].append(row.value)
    return {step: {place: mean(numbers) for place, numbers in values.items()}
            for step, values in sorted(collected.items())}  # fmt: skip


def spread_steps(steps: Sequence[int], most: int = 5) -> list[int]:
    """At most `most` of the steps: the first, the last, and others evenly spread between them."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(number * (len(steps) - 1) / (most - 1))] for number in range(most)]


def averaged(entries: Sequence[Entry], means: str = "means") -> str:
    """A sentence for captions, if any net has several seeds: values are means over them."""
    return f" Values are {means} over the seeds." if any(len(entry.runs) > 1 for entry in entries) else ""


def grid(
    group: Group, style: Style, title: str, names: Sequence[str], share_y: bool, wider: float = 1.0
) -> tuple[Figure, list[Axes]]:
    """A titled panel for each name, three in a row, or two by two.

    `wider` scales the width, to leave room for labels beside lines.
    """
    columns = 2 if len(names) == 4 else min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(style, wider * max(3.1 * columns, 6.2), 0.9 + 2.1 * rows, columns)
    panels = figure.subplots(rows, columns, sharey=share_y, squeeze=False).flatten().tolist()
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(wrapped(name, panel_width(figure, axes), style, style.text), loc="left", fontsize=style.text)
    for axes in panels[len(names) :]:
        axes.remove()
    add_title(figure, style, title, group.title())
    return figure, panels[: len(names)]


def is_first(axes: Axes) -> bool:
    """Whether a panel is the first of its row."""
    spec = axes.get_subplotspec()
    return spec is None or spec.is_first_col()
