"""Training curves as in [R] Fig. 6: plain left, residual right, training error dashed, test error bold."""

import math
import statistics
from collections.abc import Iterable, Sequence

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from resnet_repro.analysis import Entry, Group
from resnet_repro.figures.style import GREY, STYLE, add_title, depth_colours, entry_styles, label_ends, new_figure
from resnet_repro.record import Run

COLUMNS = {"train_error_pct": ("--", 1.0), "test_error_pct": ("-", 2.0)}  # line style and width
ZOOM = 2.5  # the axis ends at this multiple of the largest final error, 100 % at the most


def draw_curves(group: Group) -> Figure:
    """Error in % over iterations, one colour a depth, the mean over seeds with a band of one standard deviation."""
    with matplotlib.rc_context(STYLE):
        figure = new_figure(9.6, 4.5)
        panels = figure.subplots(1, 2, sharey=True)
        top = _top(group)
        for axes, kind, title in zip(panels, (True, False), ("plain nets", "residual nets"), strict=True):
            entries = [entry for entry in group.entries if (entry.model.shortcut == "none") is kind]
            _panel(axes, group, entries, top)
            axes.set_title(f"{title}, by depth" if entries else f"{title}: no runs yet", loc="left")
        panels[0].set_ylabel("error (%)")
        figure.legend(handles=_legend(group), loc="outside lower center", ncols=3, fontsize=8)
        add_title(figure, "Training and test error", group.title())
    return figure


def _panel(axes: Axes, group: Group, entries: Sequence[Entry], top: float) -> None:
    at = group.condition
    furthest = max((run.final.step for run in group.runs if run.final), default=at.steps)
    axes.set_xlim(0, furthest)
    axes.set_ylim(0, top)
    axes.set_xlabel("iterations")
    axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}k" if furthest >= 10_000 else f"{step:g}")
    axes.tick_params(labelleft=True)
    for milestone in (milestone for milestone in at.milestones if milestone < furthest):
        axes.axvline(milestone, color="#bbbbbb", linewidth=0.8, linestyle=":", zorder=0)
        axes.annotate(f"rate ×{at.gamma:g}", (milestone, 1), xycoords=("data", "axes fraction"), xytext=(2, -2),
                      textcoords="offset points", fontsize=6.5, color=GREY, va="top")  # fmt: skip
    colours = _colours(group, entries)
    ends: list[tuple[float, float, str, str]] = []
    for entry in entries:
        colour = colours[entry]
        label = entry.name.split("-", 1)[1].replace(" without BN", ", no BN")
        if end := _draw_mean(axes, entry, colour):
            step, error = end
            so_far = "" if step == at.steps else f" at step {step}"
            ends.append((step, min(error, top), f"{label}: {error:.1f} %{so_far}", colour))
        for run in entry.runs:
            if run.status == "diverged":
                _draw_diverged(axes, run, colour, label, top)
    label_ends(axes, ends)
    highest = max((value for entry in entries for value in _values(entry.runs)), default=0.0)
    if highest > top:
        axes.set_title(f"errors above {top:g} % lie outside", loc="right", fontsize=6.5, color=GREY)


def _colours(group: Group, entries: Sequence[Entry]) -> dict[Entry, str]:
    """The depth's colour, the same in both panels; or, where a panel has several nets of one depth, one for each."""
    depths = [entry.model.depth for entry in entries]
    if len(set(depths)) == len(depths):
        colours = depth_colours([entry.model.depth for entry in group.entries])
        return {entry: colours[entry.model.depth] for entry in entries}
    return {entry: colour for entry, (colour, _) in entry_styles(entries).items()}


def _draw_mean(axes: Axes, entry: Entry, colour: str) -> tuple[int, float] | None:
    """The mean curves of the runs that did not diverge; returns the last step and test error, else training error."""
    runs = [run for run in entry.runs if run.status != "diverged" and run.rows]
    end = None
    for column, (style, width) in COLUMNS.items():
        points = mean_curve(runs, column)
        if not points:
            continue
        steps, means, stds = zip(*points, strict=True)
        marker = "o" if entry.model.normalization == "none" or len(points) == 1 else None
        axes.plot(steps, means, style, color=colour, linewidth=width, marker=marker, markersize=3.5,
                  markerfacecolor="white", markevery=max(1, len(steps) // 8), clip_on=len(points) > 1)  # fmt: skip
        if len(runs) > 1:
            low, high = ([m + sign * s for m, s in zip(means, stds, strict=True)] for sign in (-1, 1))
            axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        end = steps[-1], means[-1]
    return end


def mean_curve(runs: Sequence[Run], column: str) -> list[tuple[int, float, float]]:
    """(step, mean, standard deviation) at each step that every run has a value for."""
    curves = [{row.step: value for row in run.rows if (value := getattr(row, column)) is not None} for run in runs]
    shared = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    points = []
    for step in shared:
        values = [curve[step] for curve in curves]
        points.append((step, statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0))
    return points


def _draw_diverged(axes: Axes, run: Run, colour: str, label: str, top: float) -> None:
    """The curve of a run whose loss stopped being finite, with a cross where it ended."""
    for column, (style, width) in COLUMNS.items():
        points = mean_curve([run], column)
        axes.plot([step for step, *_ in points], [mean for _, mean, _ in points], style, color=colour, linewidth=width)
    last = run.final
    height = min(last.train_error_pct, top) if last else top
    axes.plot(run.summary["steps"], height, "X", color=colour, markersize=8, clip_on=False, zorder=5)
    axes.annotate(f"{label}: diverged at {run.summary['steps']}", (run.summary["steps"], height), xytext=(7, -4),
                  textcoords="offset points", color=colour, fontsize=8, va="top")  # fmt: skip


def _top(group: Group) -> float:
    """Where the error axis ends: near the final errors, where the nets differ, or at 100 %."""
    finals = [run.final.train_error_pct for run in group.runs if run.final]
    finals += [run.final.test_error_pct for run in group.runs if run.final and run.final.test_error_pct is not None]
    top = math.ceil(ZOOM * max(finals, default=100) / 5) * 5
    return min(max(top, 5.0), 100.0)


def _values(runs: Iterable[Run]) -> list[float]:
    return [v for run in runs for row in run.rows for c in COLUMNS if (v := getattr(row, c)) is not None]


def _legend(group: Group) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="training error (running, augmented)"),
        Line2D([], [], color=GREY, linewidth=2, label="test error, and its last value at the right"),
    ]
    if any(len(entry.runs) > 1 for entry in group.entries):
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="± one standard deviation over seeds"))
    if any(entry.model.normalization == "none" for entry in group.entries):
        handles.append(Line2D([], [], color=GREY, marker="o", markerfacecolor="white", label="without BN"))
    if any(run.status == "diverged" for run in group.runs):
        handles.append(Line2D([], [], color=GREY, linestyle="", marker="X", label="diverged"))
    return handles
