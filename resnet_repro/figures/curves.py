"""Training curves as in [R] Fig. 6: plain left, residual right, training error dashed, test error bold."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from resnet_repro.analysis import Entry, Group
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.labels import End, label_ends
from resnet_repro.figures.style import (
    FAINT, GREY, WEB, Style, add_legend, add_title, depth_colours, drawing, entry_styles, mark, new_figure,
)  # fmt: skip
from resnet_repro.naming import is_papers_net
from resnet_repro.published import final_error
from resnet_repro.record import Run

COLUMNS = {"train_error_pct": ("--", 1.0), "test_error_pct": ("-", 2.0)}  # line style and width
ZOOM = 2.5  # the axis ends at this multiple of the largest final error, 100 % at the most
NARROWEST = 0.4  # of the figure's half, which a panel beside its labels needs


def draw_curves(group: Group, style: Style = WEB) -> Figure:
    """Error in % over iterations, one colour a depth, the mean over seeds with a band of one standard deviation.

    The panels stand side by side, or one below the other where long names would leave them too narrow.
    """
    kinds = {
        title: [entry for entry in group.entries if (entry.model.shortcut == "none") is plain]
        for title, plain in (("plain nets", True), ("residual nets", False))
    }
    with drawing(style):
        figure = new_figure(style, 9.6, 4.5)
        beside = max((len(_name(entry)) + 8 for entry in group.entries), default=0) * style.letter * style.small / 72
        if beside > (1 - NARROWEST) * figure.get_figwidth() / 2:
            figure.set_figheight(1.6 * figure.get_figheight())
            panels = figure.subplots(2, 1, sharey=True)
        else:
            panels = figure.subplots(1, 2, sharey=True)
        top = _top(group)
        ends = {}
        for axes, (title, entries) in zip(panels, kinds.items(), strict=True):
            ends[axes] = _panel(axes, style, group, entries, top)
            axes.set_title(f"{title}, by depth" if entries else f"{title}: no runs yet", loc="left")
            axes.set_ylabel("error (%)" if axes.get_subplotspec().is_first_col() else "")
        add_legend(figure, style, _legend(group, style))
        add_title(figure, style, "Training and test error", group.title())
        label_ends(figure, ends, style)
    return figure


def caption_curves(group: Group) -> Caption:
    sentences = [
        "Thin dashed lines are training error, running over augmented mini-batches; bold solid lines are test error, "
        "whose last value stands at the right. A colour is a net, or a depth where nets differ in nothing else."
    ]
    if any(len(entry.runs) > 1 for entry in group.entries):
        sentences.append("Lines are means over the seeds, bands one standard deviation.")
    if any(entry.model.normalization == "none" for entry in group.entries):
        sentences.append("Open circles are on the lines of nets without batch normalisation.")
    if group.condition.milestones:
        sentences.append("At the dotted vertical lines the learning rate drops.")
    if any(run.status == "diverged" for run in group.runs):
        sentences.append("A cross is where a loss stopped being finite.")
    if _published(group):
        sentences.append("Open diamonds at the right edge are the published final errors, small ones of training.")
    if _highest(group.entries) > _top(group):
        sentences.append(f"Errors above {_top(group):g} % lie outside.")
    return Caption(
        "Training and test error in % over the iterations of training, plain nets beside residual nets.",
        " ".join(sentences), group.entries,
    )  # fmt: skip


def _panel(axes: Axes, style: Style, group: Group, entries: Sequence[Entry], top: float) -> list[End]:
    """Draw the nets of one kind; returns what is to stand at their ends."""
    _draw_frame(axes, style, group, top)
    colours = _colours(group, entries)
    published = _published(group)
    ends: list[End] = []
    for entry in entries:
        colour = colours[entry]
        if end := _draw_mean(axes, style, entry, colour):
            step, error = end
            so_far = "" if step == group.condition.steps else f" at step {step}"
            ends.append(End(step, min(error, top), f"{_name(entry)}: {error:.1f} %{so_far}", colour, entry))
        for run in entry.runs:
            if run.status == "diverged":
                ends.append(_draw_diverged(axes, style, entry, run, colour, top))
        _draw_published(axes, style, entry, colour, published.get(entry, {}))
    if _highest(entries) > top:
        axes.set_title(f"errors above {top:g} % lie outside", loc="right", fontsize=style.tiny, color=GREY)
    return ends


def _draw_frame(axes: Axes, style: Style, group: Group, top: float) -> None:
    at, furthest = group.condition, _furthest(group)
    axes.set_xlim(0, furthest)
    axes.set_ylim(0, top)
    axes.set_xlabel("iterations")
    axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}k" if furthest >= 10_000 else f"{step:g}")
    axes.tick_params(labelleft=True)
    for milestone in (milestone for milestone in at.milestones if milestone < furthest):
        axes.axvline(milestone, color=FAINT, linewidth=0.8 * style.line, linestyle=":", zorder=0)
        axes.annotate(f"rate ×{at.gamma:g}", (milestone, 1), xycoords=("data", "axes fraction"), xytext=(2, -2),
                      textcoords="offset points", fontsize=style.tiny, color=GREY, va="top")  # fmt: skip


def _furthest(group: Group) -> int:
    return max((run.final.step for run in group.runs if run.final), default=group.condition.steps)


def _name(entry: Entry) -> str:
    return entry.name.split("-", 1)[1].replace(" without BN", ", no BN")


def _colours(group: Group, entries: Sequence[Entry]) -> dict[Entry, str]:
    """The depth's colour, the same in both panels; or, where a panel has several nets of one depth, one for each."""
    depths = [entry.model.depth for entry in entries]
    if len(set(depths)) == len(depths):
        colours = depth_colours([entry.model.depth for entry in group.entries])
        return {entry: colours[entry.model.depth] for entry in entries}
    return {entry: colour for entry, (colour, _) in entry_styles(entries).items()}


def _draw_mean(axes: Axes, style: Style, entry: Entry, colour: str) -> tuple[int, float] | None:
    """The mean curves of the runs that did not diverge; returns the last step and test error, else training error."""
    runs = [run for run in entry.runs if run.status != "diverged" and run.rows]
    end = None
    for column, (dashes, width) in COLUMNS.items():
        points = mean_curve(runs, column)
        if not points:
            continue
        steps, means, stds = zip(*points, strict=True)
        marker = "o" if entry.model.normalization == "none" or len(points) == 1 else None
        (line,) = axes.plot(steps, means, dashes, color=colour, linewidth=width * style.line, marker=marker,
                            markersize=3.5 * style.line, markerfacecolor="white",
                            markevery=max(1, len(steps) // 8), clip_on=len(points) > 1)  # fmt: skip
        mark(line, entry)
        if len(runs) > 1:
            low, high = ([m + sign * s for m, s in zip(means, stds, strict=True)] for sign in (-1, 1))
            mark(axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0), entry)
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


def _draw_diverged(axes: Axes, style: Style, entry: Entry, run: Run, colour: str, top: float) -> End:
    """The curve of a run whose loss stopped being finite, with a cross where it ended."""
    for column, (dashes, width) in COLUMNS.items():
        points = mean_curve([run], column)
        (line,) = axes.plot([step for step, *_ in points], [mean for _, mean, _ in points], dashes, color=colour,
                            linewidth=width * style.line)  # fmt: skip
        mark(line, entry)
    step, last = run.summary["steps"], run.final
    height = min(last.train_error_pct, top) if last else top
    (cross,) = axes.plot(step, height, "X", color=colour, markersize=8 * style.line, clip_on=False, zorder=5)
    mark(cross, entry)
    return End(step, height, f"{_name(entry)}: diverged at {step}", colour, entry)


def _published(group: Group) -> dict[Entry, Mapping[str, float]]:
    """The papers' final errors by net and column, where the runs are of its condition and have come to its end."""
    if not group.condition.is_papers or _furthest(group) < group.condition.steps:
        return {}
    found = {}
    for entry in group.entries:
        model = entry.model
        if is_papers_net(model):
            errors = {column: final_error(model.shortcut, model.depth, column) for column in COLUMNS}
            found[entry] = {column: error for column, error in errors.items() if error is not None}
    return {entry: errors for entry, errors in found.items() if errors}


def _draw_published(axes: Axes, style: Style, entry: Entry, colour: str, errors: Mapping[str, float]) -> None:
    for column, error in errors.items():
        size = 6.0 if column == "test_error_pct" else 4.0
        (diamond,) = axes.plot(1, error, "D", color=colour, markersize=size * style.line, markerfacecolor="white",
                               transform=axes.get_yaxis_transform(), clip_on=False, zorder=4)  # fmt: skip
        mark(diamond, entry)


def _top(group: Group) -> float:
    """Where the error axis ends: near the final errors, where the nets differ, or at 100 %."""
    finals = [run.final.train_error_pct for run in group.runs if run.final]
    finals += [run.final.test_error_pct for run in group.runs if run.final and run.final.test_error_pct is not None]
    finals += [error for errors in _published(group).values() for error in errors.values()]
    top = math.ceil(ZOOM * max(finals, default=100) / 5) * 5
    return min(max(top, 5.0), 100.0)


def _highest(entries: Iterable[Entry]) -> float:
    rows = (row for entry in entries for run in entry.runs for row in run.rows)
    return max((v for row in rows for c in COLUMNS if (v := getattr(row, c)) is not None), default=0.0)


def _legend(group: Group, style: Style) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=GREY, linestyle="--", linewidth=style.line, label="training error (running, augmented)"),
        Line2D([], [], color=GREY, linewidth=2 * style.line, label="test error, and its last value at the right"),
    ]
    if any(len(entry.runs) > 1 for entry in group.entries):
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="± one standard deviation over seeds"))
    if any(entry.model.normalization == "none" for entry in group.entries):
        handles.append(Line2D([], [], color=GREY, marker="o", markerfacecolor="white", label="without BN"))
    if any(run.status == "diverged" for run in group.runs):
        handles.append(Line2D([], [], color=GREY, linestyle="", marker="X", label="diverged"))
    if _published(group):
        handles.append(Line2D([], [], color=GREY, linestyle="", marker="D", markerfacecolor="white",
                              label="published (small: training)"))  # fmt: skip
    return handles
