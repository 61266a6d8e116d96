"""Test error of the first epochs, beside that of another reproduction with the same net and recipe."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.contrasts import OTHER_COLOURS, USUAL_COLOUR
from resnet_repro.figures.curve_lines import about_seeds, draw_seeds, mean_curve
from resnet_repro.figures.probed import grid, is_first
from resnet_repro.figures.readout import error_of, mark_curve
from resnet_repro.figures.style import GREY, WEB, Style, add_legend, drawing
from resnet_repro.nearest import listed
from resnet_repro.papers.nets import papers_net
from resnet_repro.papers.public_reproductions import REPRODUCTIONS, Reproduction
from resnet_repro.spec import ModelSpec, TrainingSpec

LABELS = {"uniform": "as in the authors' code", "he": "by He's rule"}


def draw_reproductions(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for each net that another reproduction trained with the same recipe; None if there is none."""
    panels = _panels(group)
    if not panels:
        return None
    with drawing(style):
        names = [entries[0].name.split(" (")[0] for entries in panels.values()]
        shown = group.only([entry for entries in panels.values() for entry in entries])
        figure, axes = grid(shown, style, "Comparison with another reproduction", names, share_y=True)
        for panel, (net, entries) in zip(axes, panels.items(), strict=True):
            _draw(panel, style, net, entries)
        add_legend(figure, style, _legend(style, [entry for entries in panels.values() for entry in entries]))
    return figure


def caption_reproductions(group: Group) -> Caption:
    entries = [entry for found in _panels(group).values() for entry in found]
    sources = listed([f"{other.name} ({other.source}; {other.recipe}; one run of each net)" for other in REPRODUCTIONS])
    return Caption(
        "Test error in % after each of the first epochs, ours beside that of another reproduction, a panel for each "
        "net.",
        f"Grey dots are {sources}. Lines are ours: solid blue with the default initialisation of the classifier, "
        f"dashed orange with He's, which that reproduction used.{about_seeds(entries)}",
        entries,
    )


def _draw(axes: Axes, style: Style, net: tuple[str, int], entries: Sequence[Entry]) -> None:
    for other in REPRODUCTIONS:
        theirs = _of(other, net)
        axes.plot(range(1, len(theirs) + 1), theirs, "o", color=GREY, markersize=4.5 * style.line, zorder=3)
    epochs = max(len(_of(other, net)) for other in REPRODUCTIONS)
    for entry in entries:
        runs = [run for run in entry.runs if run.rows]
        dashes, colour = _look(entry)
        ours = _first_epochs(entry, epochs)
        (line,) = axes.plot(*zip(*ours, strict=True), dashes, color=colour, linewidth=1.6 * style.line,
                            marker="o" if len(ours) == 1 else None)  # fmt: skip
        mark_curve(line, entry, f"{error_of(entry, 'test_error_pct', len(runs))} after {{x}} epochs", steps=False)
        draw_seeds(axes, style, entry, "test_error_pct", colour, scale=1 / _steps_an_epoch(entry))
    axes.set_xlim(0.5, epochs + 0.5)
    axes.set_ylim(0, 100)
    axes.set_xlabel("epochs")
    axes.tick_params(labelleft=True)
    axes.set_ylabel("test error (%)" if is_first(axes) else "")


def _panels(group: Group) -> dict[tuple[str, int], list[Entry]]:
    """Our runs of nets that others trained with the same recipe, by shortcut and depth, if they have a first epoch."""
    found: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in group.entries if group.condition.has_papers_data else ():
        model, training, usual = entry.model, entry.training, TrainingSpec()
        net = (model.shortcut, model.depth)
        theirs = [_of(other, net) for other in REPRODUCTIONS]
        epochs = max(map(len, theirs))
        alike = {"learning_rate", "batch_size", "momentum", "nesterov", "weight_decay", "weight_decay_on", "warmup"}
        until = min(training.milestones, default=training.steps) * training.batch_size
        same_net = model.model_copy(update={"classifier_initialization": "uniform"}) == ModelSpec(
            depth=model.depth, shortcut=model.shortcut
        )
        if (
            any(theirs)
            and not entry.start
            and same_net
            and model.classifier_initialization in LABELS
            and training.model_dump(include=alike) == usual.model_dump(include=alike)
            and until >= epochs * entry.runs[0].experiment.data.epoch_images
            and _first_epochs(entry, epochs)
        ):
            found[net].append(entry)
    return found


def _first_epochs(entry: Entry, epochs: int) -> list[tuple[float, float]]:
    """The epochs after which our net was tested, up to the given one, and its test error in %, the mean over seeds."""
    per_epoch = _steps_an_epoch(entry)
    points = mean_curve([run for run in entry.runs if run.rows], "test_error_pct")
    return [(step / per_epoch, mean) for step, mean, _ in points if step / per_epoch < epochs + 0.5]


def _steps_an_epoch(entry: Entry) -> float:
    return entry.runs[0].experiment.data.epoch_images / entry.training.batch_size


def _of(other: Reproduction, net: tuple[str, int]) -> tuple[float, ...]:
    return other.test_error_pct.get(papers_net(*net), ())


def _look(entry: Entry) -> tuple[Literal["-", "--"], str]:
    return ("-", USUAL_COLOUR) if entry.model.classifier_initialization == "uniform" else ("--", OTHER_COLOURS[0])


def _legend(style: Style, entries: Sequence[Entry]) -> list[Line2D]:
    names = ", ".join(other.name for other in REPRODUCTIONS)
    ours = {_look(entry): LABELS[entry.model.classifier_initialization] for entry in entries}
    return [
        Line2D([], [], color=GREY, linestyle="", marker="o", label=f"{names}, one run of each net"),
        *(Line2D([], [], color=colour, linestyle=dashes, linewidth=1.6 * style.line, label=f"ours, classifier {label}")
          for (dashes, colour), label in ours.items()),
    ]  # fmt: skip
