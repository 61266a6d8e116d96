"""The lines of one net in the training curves: means over seeds, runs that diverged, and published values."""

import re
import statistics
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from resnet_repro.analysis.groups import Entry, entry_name
from resnet_repro.figures.labels import EndLabel
from resnet_repro.figures.readout import error_of, mark_curve
from resnet_repro.figures.style import Style, mark
from resnet_repro.record.run import Run

COLUMNS = {"train_error_pct": ("--", 1.0), "test_error_pct": ("-", 2.0)}  # line style and width
# Size and face of the dot of a net that was measured once. That of training is drawn later, on that of the test error.
SINGLE = {"test_error_pct": (5.0, ""), "train_error_pct": (3.5, "white")}


def panel_names(kind: str, entries: Sequence[Entry]) -> tuple[str, dict[Entry, str]]:
    """The title of a panel and a short name for each of its nets, which leaves out what the title says of all.

    As "plain nets, by depth" and "56", "plain nets (width 4), by depth" and "8", or "plain-8 (width 4)" and the names
    of the specs, if all are trainings of one net.
    """
    names = [entry.name.split("-", 1)[1].replace(" without BN", ", no BN") for entry in entries]
    nets = {entry_name(entry.runs[0].experiment) for entry in entries}
    if len(nets) == 1 < len(entries):
        (net,) = nets
        return net, {entry: entry.name.removeprefix(net).strip().strip("[]").replace("] [", ", ") for entry in entries}
    phrases = [re.search(r" \([^()]*\)", name) for name in names]
    phrase = phrases[0][0] if phrases and phrases[0] else ""
    if phrase and all(found and found[0] == phrase for found in phrases):
        names = [name.replace(phrase, "", 1) for name in names]
        kind += phrase
    return f"{kind}, by depth", dict(zip(entries, names, strict=True))


def draw_mean(axes: Axes, style: Style, entry: Entry, colour: str) -> tuple[int, float] | None:
    """Draw the mean curves of runs that did not diverge. Returns the last step and its test, else training error."""
    runs = [run for run in entry.runs if run.status != "diverged" and run.rows]
    end = None
    for column, (dashes, width) in COLUMNS.items():
        points = mean_curve(runs, column)
        if not points:
            continue
        steps, means, stds = zip(*points, strict=True)
        without_bn, single = entry.model.normalization == "none", len(points) == 1
        size, face = SINGLE[column] if single else (3.5, colour)
        (line,) = axes.plot(steps, means, dashes, color=colour, linewidth=width * style.line,
                            marker="o" if without_bn or single else None, markersize=size * style.line,
                            markerfacecolor="white" if without_bn else face or colour,
                            markevery=max(1, len(steps) // 8), clip_on=not single)  # fmt: skip
        mark_curve(line, entry, error_of(entry, column, len(runs)))
        if single and stds[0]:
            bar = axes.errorbar(steps, means, stds, color=colour, linewidth=width * style.line, zorder=1)
            for artist in bar.get_children():
                artist.set_clip_on(False)
                mark(artist, entry)
        elif len(runs) > 1:
            low, high = ([m + sign * s for m, s in zip(means, stds, strict=True)] for sign in (-1, 1))
            mark(axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0), entry)
        end = steps[-1], means[-1]
    return end


def draw_seeds(
    axes: Axes, style: Style, entry: Entry, column: str, colour: str, shift: float = 0.0, scale: float = 1.0
) -> None:
    """A thin line for each of a net's runs, if there are several: a mean alone may be a curve that no run has.

    A step lies at `shift + scale * step` on the horizontal axis.
    """
    runs = [run for run in entry.runs if run.status != "diverged" and run.rows]
    curves = [[(shift + scale * step, value) for step, value, _ in mean_curve([run], column)] for run in runs]
    if len(runs) > 1:
        lines = LineCollection(curves, colors=colour, linewidths=0.7 * style.line, alpha=0.5, zorder=1.5)
        axes.add_collection(lines, autolim=False)
        mark(lines, entry)


def about_seeds(entries: Sequence[Entry]) -> str:
    """A sentence for captions, if any net has several seeds."""
    several = any(len(entry.runs) > 1 for entry in entries)
    return " Lines are means over the seeds, each of which has a thin line." * several


def mean_curve(runs: Sequence[Run], column: str) -> list[tuple[int, float, float]]:
    """(step, mean, standard deviation) at each step at which every run has a value."""
    curves = [{row.step: value for row in run.rows if (value := getattr(row, column)) is not None} for run in runs]
    shared = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    points = []
    for step in shared:
        values = [curve[step] for curve in curves]
        points.append((step, statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0))
    return points


def draw_diverged(axes: Axes, style: Style, entry: Entry, run: Run, colour: str, name: str) -> EndLabel:
    """Draw the curves of a run that diverged, with a cross at its last step."""
    low, top = axes.get_ylim()
    for column, (dashes, width) in COLUMNS.items():
        points = mean_curve([run], column)
        (line,) = axes.plot([step for step, *_ in points], [mean for _, mean, _ in points], dashes, color=colour,
                            linewidth=width * style.line)  # fmt: skip
        mark_curve(line, entry, error_of(entry, column, 1))
    step, last = run.summary["steps"], run.final
    height = max(low, min(last.train_error_pct, top)) if last and last.train_error_pct is not None else top
    (cross,) = axes.plot(step, height, "X", color=colour, markersize=8 * style.line, clip_on=False, zorder=5)
    mark(cross, entry)
    return EndLabel(step, height, f"{name}: diverged at {step}", colour, entry)


def draw_published(axes: Axes, style: Style, entry: Entry, colour: str, errors: Mapping[str, float]) -> None:
    """Draw a diamond at the right edge for each published final error, by column."""
    for column, error in errors.items():
        size = 6.0 if column == "test_error_pct" else 4.0
        (diamond,) = axes.plot(1, error, "D", color=colour, markersize=size * style.line, markerfacecolor="white",
                               transform=axes.get_yaxis_transform(), clip_on=False, zorder=4)  # fmt: skip
        mark(diamond, entry)
