"""The lines of one net in the training curves: means over seeds, runs that diverged, and published values."""

import statistics
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from resnet_repro.analysis.groups import Entry
from resnet_repro.figures.labels import EndLabel
from resnet_repro.figures.readout import error_of, mark_curve
from resnet_repro.figures.style import Style, mark
from resnet_repro.record.run import Run

COLUMNS = {"train_error_pct": ("--", 1.0), "test_error_pct": ("-", 2.0)}  # line style and width


def short_name(entry: Entry) -> str:
    """The name of a net in a panel whose title says plain or residual: "56"."""
    return entry.name.split("-", 1)[1].replace(" without BN", ", no BN")


def draw_mean(axes: Axes, style: Style, entry: Entry, colour: str) -> tuple[int, float] | None:
    """Draw the mean curves of runs that did not diverge. Returns the last step and its test, else training error."""
    runs = [run for run in entry.runs if run.status != "diverged" and run.rows]
    end = None
    for column, (dashes, width) in COLUMNS.items():
        points = mean_curve(runs, column)
        if not points:
            continue
        steps, means, stds = zip(*points, strict=True)
        without_bn = entry.model.normalization == "none"
        marker = "o" if without_bn or len(points) == 1 else None
        (line,) = axes.plot(steps, means, dashes, color=colour, linewidth=width * style.line, marker=marker,
                            markersize=3.5 * style.line, markerfacecolor="white" if without_bn else colour,
                            markevery=max(1, len(steps) // 8), clip_on=len(points) > 1)  # fmt: skip
        mark_curve(line, entry, error_of(entry, column, len(runs)))
        if len(runs) > 1:
            low, high = ([m + sign * s for m, s in zip(means, stds, strict=True)] for sign in (-1, 1))
            mark(axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0), entry)
        end = steps[-1], means[-1]
    return end


def mean_curve(runs: Sequence[Run], column: str) -> list[tuple[int, float, float]]:
    """(step, mean, standard deviation) at each step at which every run has a value."""
    curves = [{row.step: value for row in run.rows if (value := getattr(row, column)) is not None} for run in runs]
    shared = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    points = []
    for step in shared:
        values = [curve[step] for curve in curves]
        points.append((step, statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0))
    return points


def draw_diverged(axes: Axes, style: Style, entry: Entry, run: Run, colour: str, top: float) -> EndLabel:
    """Draw the curves of a run that diverged, with a cross at its last step; `top` is the end of the error axis."""
    for column, (dashes, width) in COLUMNS.items():
        points = mean_curve([run], column)
        (line,) = axes.plot([step for step, *_ in points], [mean for _, mean, _ in points], dashes, color=colour,
                            linewidth=width * style.line)  # fmt: skip
        mark_curve(line, entry, error_of(entry, column, 1))
    step, last = run.summary["steps"], run.final
    height = min(last.train_error_pct, top) if last else top
    (cross,) = axes.plot(step, height, "X", color=colour, markersize=8 * style.line, clip_on=False, zorder=5)
    mark(cross, entry)
    return EndLabel(step, height, f"{short_name(entry)}: diverged at {step}", colour, entry)


def draw_published(axes: Axes, style: Style, entry: Entry, colour: str, errors: Mapping[str, float]) -> None:
    """Draw a diamond at the right edge for each published final error, by column."""
    for column, error in errors.items():
        size = 6.0 if column == "test_error_pct" else 4.0
        (diamond,) = axes.plot(1, error, "D", color=colour, markersize=size * style.line, markerfacecolor="white",
                               transform=axes.get_yaxis_transform(), clip_on=False, zorder=4)  # fmt: skip
        mark(diamond, entry)
