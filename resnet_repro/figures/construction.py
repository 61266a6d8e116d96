"""A deeper net that is as good, by construction: the shallow net, what it grew into, and SGD from random weights."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis.constructions import Construction, constructions
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.axes import label_counts
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.colours import DEPTH_COLOURS
from resnet_repro.figures.curve_lines import draw_seeds, mean_curve
from resnet_repro.figures.labels import EndLabel, label_ends
from resnet_repro.figures.limits import error_limits
from resnet_repro.figures.readout import mark_curve
from resnet_repro.figures.style import FAINT, GREY, WEB, Style, add_title, drawing, mark, new_figure
from resnet_repro.spec.naming import net_name

COLUMN = "train_error_clean_pct"
SOURCE, SCRATCH = DEPTH_COLOURS[20], DEPTH_COLOURS[56]
GROWN = [DEPTH_COLOURS[depth] for depth in (110, 32, 1202, 44)]  # their colours, not their depths


def draw_construction(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for the plain nets and one for the residual ones; None if no net has grown from one that was read."""
    panels = _panels(group)
    if not panels:
        return None
    with drawing(style):
        figure = new_figure(style, 7.6, 0.9 + 2.7 * len(panels))
        axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False).flatten().tolist()
        for panel, name in zip(axes, panels, strict=True):
            panel.set_title(name, loc="left", fontsize=style.text)
        add_title(figure, style, "A deeper net by construction", group.title())
        ends = {panel: _draw(panel, style, found) for panel, found in zip(axes, panels.values(), strict=True)}
        entries = [entry for found in panels.values() for one in found for entry in one if entry]
        errors = [mean for entry in entries for _, mean, _ in _curve(entry)]
        axes[0].set_ylim(*error_limits(errors, min(100.0, 1.05 * max(errors, default=100.0))))
        label_ends(figure, ends, style)
    return figure


def caption_construction(group: Group) -> Caption:
    found = [one for several in _panels(group).values() for one in several]
    entries = list(dict.fromkeys(entry for one in found for entry in one if entry))
    return Caption(
        "Training error over the iterations of training: a shallow net, the deeper net into which it grows by identity "
        "layers, which is trained on, and the deeper net from random weights with as many iterations in all.",
        "The grown net begins at the vertical line with the error of the shallow net, which the dotted horizontal line "
        "keeps in sight. The rate drops at half and three quarters of each training, unless its spec says otherwise. "
        "Training error is measured in evaluation mode, without augmentation. Lines are means over the seeds, each of "
        "which has a thin line.",
        entries,
    )


def _panels(group: Group) -> dict[str, list[Construction]]:
    found: dict[str, list[Construction]] = {}
    for one in constructions(group):
        found.setdefault("plain nets" if one.grown.model.shortcut == "none" else "residual nets", []).append(one)
    return found


def _draw(axes: Axes, style: Style, found: Sequence[Construction]) -> list[EndLabel]:
    """Draw the nets of one panel. Returns the labels for the ends of their lines."""
    label_counts(axes, "iterations in all")
    axes.tick_params(labelbottom=True)
    axes.set_ylabel("clean training error (%)")
    axes.set_xlim(0, max(one.grown.steps_in_all for one in found))
    ends: list[EndLabel] = []
    grown = [one.grown.runs[0].path for one in found]  # a source that has grown itself is drawn as such
    others = {(entry.model, entry.steps_in_all): (entry, is_source)
              for one in found for entry, is_source in ((one.source, True), (one.scratch, False))
              if entry and entry.runs[0].path not in grown}  # fmt: skip
    lone = len(found) == 1
    for entry, is_source in others.values():
        text = net_name(entry.model) if is_source else f"{net_name(entry.model)} from random weights"
        ends += _line(axes, style, entry, entry.runs[0].steps_before, SOURCE if is_source else SCRATCH, text)
    rates = {one.grown: one.grown.training.learning_rate for one in found}
    for one, colour in zip(found, GROWN * len(found), strict=False):
        before = one.source.steps_in_all
        rate = "" if lone else f", rate {rates[one.grown]:g}"
        ends += _line(axes, style, one.grown, before, colour, f"{net_name(one.grown.model)} grown{rate}")
        _mark_growth(axes, style, one, before)
    return ends


def _line(axes: Axes, style: Style, entry: Entry, before: int, colour: str, text: str) -> list[EndLabel]:
    points = _curve(entry)
    if not points:
        return []
    own_steps, means, _ = zip(*points, strict=True)
    steps = [before + step for step in own_steps]
    (line,) = axes.plot(steps, means, color=colour, linewidth=2 * style.line, marker="o", markersize=3 * style.line)
    mark_curve(line, entry, f"{text}: {{y:.2f}} %")
    draw_seeds(axes, style, entry, COLUMN, colour, shift=before)
    return [EndLabel(steps[-1], means[-1], f"{text}: {means[-1]:.1f} %", colour, entry)]


def _curve(entry: Entry) -> list[tuple[int, float, float]]:
    return mean_curve([run for run in entry.runs if run.status != "diverged" and run.rows], COLUMN)


def _mark_growth(axes: Axes, style: Style, one: Construction, before: int) -> None:
    """A vertical line where the net grows, and a horizontal one at the error that it had before."""
    added = one.grown.model.depth - one.source.model.depth
    axes.axvline(before, color=FAINT, linewidth=0.8 * style.line, linestyle=":", zorder=0)
    if points := _curve(one.source):
        axes.axhline(points[-1][1], color=SOURCE, linewidth=0.8 * style.line, linestyle=":", zorder=0)
    text = axes.annotate(
        f"{added} identity layers\nare added", (before, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
        textcoords="offset points", fontsize=style.small, color=GREY, va="top",
    )  # fmt: skip
    mark(text, one.grown)
