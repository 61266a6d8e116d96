"""Training curves as in [R] Fig. 6: plain nets left, residual nets right, training error dashed, test error bold."""

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.axes import label_counts, panel_width
from resnet_repro.figures.captions import ABOUT_RUNNING, Caption
from resnet_repro.figures.colours import depth_colours, entry_styles
from resnet_repro.figures.curve_lines import COLUMNS, SINGLE, draw_diverged, draw_mean, draw_published, panel_names
from resnet_repro.figures.labels import EndLabel, label_ends
from resnet_repro.figures.limits import NOT_FROM_0, curve_limits, highest_error
from resnet_repro.figures.style import (
    FAINT,
    GREY,
    WEB,
    Style,
    add_legend,
    add_title,
    drawing,
    new_figure,
    together,
    wrapped,
)
from resnet_repro.papers import final_error
from resnet_repro.spec.naming import is_papers_net

NARROWEST = 0.45  # the least share of half of the figure's width that a panel takes beside its labels


def draw_curves(group: Group, style: Style = WEB) -> Figure:
    """Error in % over iterations: a colour for each depth, means over seeds, bands of one standard deviation.

    A panel for plain and one for residual nets, as far as there are any: side by side, or one above the other if long
    labels would make them too narrow.
    """
    kinds = _by_kind(group)
    named = {kind: panel_names(kind, entries) for kind, entries in kinds.items()}
    with drawing(style):
        longest = max((len(name) + 8 for _, names in named.values() for name in names.values()), default=0)
        beside = longest * style.letter * style.small / 72
        figure, rows = new_figure(style, 9.6, 4.5), 1
        if len(kinds) < 2 and beside <= (1 - NARROWEST) * (narrow := new_figure(style, 6.4, 4.5, 1)).get_figwidth():
            figure = narrow
        elif beside > (1 - NARROWEST) * figure.get_figwidth() / 2:
            rows = len(kinds)
            figure.set_figheight((1.6 if rows > 1 else 1) * figure.get_figheight())
        panels = figure.subplots(rows, len(kinds) // rows, sharey=True, squeeze=False).flatten()
        ends = {}
        for axes, (kind, entries) in zip(panels, kinds.items(), strict=True):
            title, names = named[kind]
            axes.set_title(wrapped(title, panel_width(figure, axes), style, style.text + 1), loc="left")
            ends[axes] = draw_panel(figure, axes, style, group, _colours(group, entries), names)
            axes.set_ylabel("error (%)" if axes.get_subplotspec().is_first_col() else "")
        add_legend(figure, style, curve_legend(group, style))
        add_title(figure, style, f"Training and {group.condition.test_label}", group.title())
        label_ends(figure, ends, style)
    return figure


def _by_kind(group: Group) -> dict[str, list[Entry]]:
    """The plain and the residual nets of a group, as far as there are any."""
    both = {
        kind: [entry for entry in group.entries if (entry.model.shortcut == "none") is plain]
        for kind, plain in (("plain nets", True), ("residual nets", False))
    }
    return {kind: entries for kind, entries in both.items() if entries}


def caption_curves(group: Group) -> Caption:
    kinds = " beside ".join(_by_kind(group))
    return Caption(
        f"Training and {group.condition.test_label} in % over the iterations of training, {kinds}.",
        how_to_read(group, "Each depth has a colour, or each net if several nets have the same depth."), group.entries,
    )  # fmt: skip


def how_to_read(group: Group, colours: str) -> str:
    """What the lines and signs of the curves mean; `colours` is the sentence about those."""
    sentences = [
        f"{'Thin dashed lines' if _has_lines(group, 'train_error_pct') else 'Small open dots'} are training error, "
        f"{'bold solid lines' if _has_lines(group, 'test_error_pct') else 'dots'} "
        f"{group.condition.test_label}, with its last value at the right. {colours} {ABOUT_RUNNING}"
    ]
    if any(len(entry.runs) > 1 for entry in group.entries):
        sentences.append("Lines are means over the seeds, bands one standard deviation.")
    if any(entry.model.normalization == "none" for entry in group.entries):
        sentences.append("Lines with open circles are nets without batch normalisation (BN).")
    if group.condition.milestones:
        sentences.append("At the dotted vertical lines the learning rate drops.")
    if any(run.status == "diverged" for run in group.runs):
        sentences.append("A cross marks where a run diverged: its loss was no longer finite.")
    if _published(group):
        sentences.append(
            "Open diamonds at the right edge are the published final errors, small ones those of training."
        )
    low, top = _limits(group)
    if highest_error(group.runs) > top:
        sentences.append(f"Errors above {top:g} % are outside the axis.")
    if low > 0:
        sentences.append(NOT_FROM_0.strip())
    return " ".join(sentences)


def draw_panel(
    figure: Figure,
    axes: Axes,
    style: Style,
    group: Group,
    colours: Mapping[Entry, str],
    names: Mapping[Entry, str],
) -> list[EndLabel]:
    """Draw some nets of the group in their colours. Returns the labels for the ends of their lines."""
    low, top = _limits(group)
    _draw_frame(axes, style, group, (low, top))
    published = _published(group)
    ends: list[EndLabel] = []
    for entry, colour in colours.items():
        if end := draw_mean(axes, style, entry, colour):
            step, error = end
            so_far = "" if step == group.condition.steps else f" at step {step}"
            ends.append(EndLabel(step, min(error, top), f"{names[entry]}: {error:.1f} %{so_far}", colour, entry))
        diverged = [run for run in entry.runs if run.status == "diverged"]
        ends += [draw_diverged(axes, style, entry, run, colour, names[entry]) for run in diverged]
        draw_published(axes, style, entry, colour, published.get(entry, {}))
    if highest_error([run for entry in colours for run in entry.runs]) > top:
        outside = f"iterations {together(f'(errors above {top:g} % are outside)')}"
        axes.set_xlabel(wrapped(outside, panel_width(figure, axes), style, style.text))
    return ends


def _draw_frame(axes: Axes, style: Style, group: Group, limits: tuple[float, float]) -> None:
    at, furthest = group.condition, _furthest(group)
    axes.set_xlim(0, furthest)
    axes.set_ylim(*limits)
    label_counts(axes, "iterations")
    axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}k" if furthest >= 10_000 else f"{step:g}")
    axes.tick_params(labelleft=True)
    for milestone in (milestone for milestone in at.milestones if milestone < furthest):
        axes.axvline(milestone, color=FAINT, linewidth=0.8 * style.line, linestyle=":", zorder=0)
        side = -1 if 2 * milestone >= furthest else 1  # towards the middle, as the labels are at the right edge
        axes.annotate(f"rate ×{at.gamma:g}", (milestone, 1), xycoords=("data", "axes fraction"), xytext=(2 * side, -2),
                      textcoords="offset points", fontsize=style.tiny, color=GREY, va="top",
                      ha="left" if side > 0 else "right")  # fmt: skip


def _furthest(group: Group) -> int:
    """The last step that was recorded; that of the schedule if no run has come further than its start."""
    return max((run.final.step for run in group.runs if run.final), default=0) or group.condition.steps


def _colours(group: Group, entries: Sequence[Entry]) -> dict[Entry, str]:
    """The colour of each net's depth, the same in both panels; or one for each net if several would look the same."""
    kinds = [(entry.model.depth, entry.model.normalization) for entry in entries]
    if len(set(kinds)) == len(kinds):
        colours = depth_colours([entry.model.depth for entry in group.entries])
        return {entry: colours[entry.model.depth] for entry in entries}
    return {entry: colour for entry, (colour, _) in entry_styles(entries).items()}


def _published(group: Group) -> dict[Entry, Mapping[str, float]]:
    """The papers' final errors by net and column, if the runs have their conditions and have reached the end."""
    if not group.condition.is_papers or _furthest(group) < group.condition.steps:
        return {}
    found = {}
    for entry in group.entries:
        model = entry.model
        if is_papers_net(model):
            errors = {column: final_error(model.shortcut, model.depth, column) for column in COLUMNS}
            found[entry] = {column: error for column, error in errors.items() if error is not None}
    return {entry: errors for entry, errors in found.items() if errors}


def _limits(group: Group) -> tuple[float, float]:
    return curve_limits(group.runs, [error for errors in _published(group).values() for error in errors.values()])


def _has_lines(group: Group, column: str) -> bool:
    """Whether an error was measured more than once in any run, so that it is a line rather than a dot."""
    return any(sum(getattr(row, column) is not None for row in run.rows) > 1 for run in group.runs)


def curve_legend(group: Group, style: Style) -> list[Artist]:
    """What the kinds of lines and signs of the curves are."""
    labels = {
        "train_error_pct": "training error (running, on augmented images)",
        "test_error_pct": f"{group.condition.test_label}, with its last value at the right",
    }
    handles: list[Artist] = []
    for column, (dashes, width) in COLUMNS.items():
        line = Line2D([], [], color=GREY, linewidth=width * style.line, label=labels[column])
        line.set(linestyle=dashes)
        if not _has_lines(group, column):
            size, face = SINGLE[column]
            line.set(linestyle="", marker="o", markersize=size * style.line, markerfacecolor=face or GREY)
        handles.append(line)
    if any(len(entry.runs) > 1 for entry in group.entries):
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="± one standard deviation over seeds"))
    if any(entry.model.normalization == "none" for entry in group.entries):
        handles.append(
            Line2D([], [], color=GREY, marker="o", markerfacecolor="white", label="without batch normalisation (BN)")
        )
    if any(run.status == "diverged" for run in group.runs):
        handles.append(Line2D([], [], color=GREY, linestyle="", marker="X", label="diverged"))
    if _published(group):
        handles.append(Line2D([], [], color=GREY, linestyle="", marker="D", markerfacecolor="white",
                              label="published final error (small: training)"))  # fmt: skip
    return handles
