"""Training error alone, all nets in one panel, as in [R] Fig. 1 (left); in a notebook also while the nets train."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Entry, Group, comparable_groups
from resnet_repro.errors import RunError
from resnet_repro.figures.axes import label_counts
from resnet_repro.figures.colours import distinct_styles
from resnet_repro.figures.curve_lines import mean_curve
from resnet_repro.figures.labels import EndLabel, label_ends
from resnet_repro.figures.style import FAINT, GREY, WEB, Style, add_title, drawing, new_figure
from resnet_repro.record.run import Run
from resnet_repro.spec.model import CLASSES
from resnet_repro.spec.naming import held_out_phrase
from resnet_repro.text_tables import markdown_text

WAITING = "Training has begun. The curves appear with their first points."
GUESSING = 100 * (1 - 1 / CLASSES)  # the error in % of a net that knows nothing


def draw_training_error(runs: Sequence[Run], style: Style = WEB) -> Figure:
    """Training error in % over iterations: a line for each net, the mean over its seeds, as far as the runs have got.

    Plain nets are dashed. A net keeps its colour from figure to figure: that of its depth if it is plain, blue if it is
    residual; nets that are closest to the papers' come first. Raises RunError if the runs differ in data or schedule.
    """
    groups = comparable_groups(runs)
    if len(groups) != 1:
        found = "; ".join(_conditions(group) for group in groups) or "no run"
        raise RunError(f"draw_training_error: takes runs of one data set and one schedule, and was given {found}")
    [group] = groups
    styles = distinct_styles(group.entries)
    with drawing(style):
        figure = new_figure(style, 7.6, 4.4, columns=1)
        axes = figure.subplots()
        axes.set_xlim(0, group.condition.steps)
        axes.set_ylim(0, 100)
        label_counts(axes, "iterations")
        axes.set_ylabel("training error (%)")
        axes.axhline(GUESSING, color=FAINT, linewidth=style.line, linestyle=":", zorder=0)
        axes.annotate("guessing", (0.5, GUESSING), xycoords=axes.get_yaxis_transform(), xytext=(0, 8),
                      textcoords="offset points", fontsize=style.small, color=GREY, ha="center")  # fmt: skip
        ends = []
        for entry, (colour, dashes) in styles.items():
            points = mean_curve([run for run in entry.runs if run.rows], "train_error_pct")
            if points:
                steps, errors, _ = zip(*points, strict=True)
                axes.plot(steps, errors, dashes, color=colour, linewidth=2 * style.line,
                          marker="o" if len(points) == 1 else None)  # fmt: skip
                ends.append(EndLabel(steps[-1], errors[-1], _label(entry, errors[-1]), colour, entry))
        add_title(figure, style, "Training error", _conditions(group))
        label_ends(figure, {axes: ends}, style)
    return figure


def _label(entry: Entry, last: float) -> str:
    """The result, as tables have it, of a net whose runs have all finished; else the `last` error so far."""
    if any(run.status == "diverged" for run in entry.runs):
        return f"{entry.name}: diverged"
    result = entry.final("train_error_pct") if len(entry.finished) == len(entry.runs) else None
    return f"{entry.name}: {result.mean if result else last:.1f} %"


def _conditions(group: Group) -> str:
    at = group.condition
    data = at.data.removesuffix(held_out_phrase(at.validation_images))  # which are not shown
    return f"{data} · {at.steps:,} steps of {at.batch_size}"


class LiveCurves:
    """Shows the training error of runs in a notebook, and redraws it when called with the runs as they are now.

    `resnet_repro.train(..., watch=LiveCurves())` calls it at the beginning and whenever a run has a new row. Before the
    first row there is a sentence in place of the figure; also where runs differ in data or schedule.
    """

    def __init__(self, style: Style = WEB) -> None:
        self.style = style
        self.shown: Any = None  # IPython's handle of the figure in the notebook

    def __call__(self, runs: Sequence[Run]) -> None:
        try:
            from IPython.display import Markdown, display
        except ImportError:
            raise RunError("LiveCurves: works in notebooks; pip install 'resnet-repro[lesson]'") from None
        try:
            what = draw_training_error(runs, self.style) if runs else Markdown(WAITING)
        except RunError as error:  # which would stop the training
            what = Markdown(markdown_text(str(error)))
        if self.shown:
            self.shown.update(what)
        else:
            self.shown = display(what, display_id=True)
