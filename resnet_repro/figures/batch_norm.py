"""Training error with and without batch normalisation, for each net that was trained both ways; as [B] Fig. 1a."""

from collections import defaultdict
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resnet_repro.analysis import Entry, Group
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.curve_lines import mean_curve
from resnet_repro.figures.labels import End, label_ends
from resnet_repro.figures.probed import averaged, grid, is_first
from resnet_repro.figures.style import WEB, Style, drawing, mark
from resnet_repro.naming import INITIALIZATION_NAMES

WITH_BN, WITHOUT_BN = "#0072B2", ("#D55E00", "#E69F00", "#CC79A7", "#7f6d5f")


def draw_batch_norm(group: Group, style: Style = WEB) -> Figure | None:
    """A panel for each kind of net that has both; None where none has."""
    pairs = _pairs(group)
    if not pairs:
        return None
    with drawing(style):
        figure, panels = grid(
            group, style, "With and without batch normalisation", list(pairs), share_y=True, wider=1.3
        )
        ends = {axes: _panel(axes, style, entries) for axes, entries in zip(panels, pairs.values(), strict=True)}
        label_ends(figure, ends, style)
    return figure


def caption_batch_norm(group: Group) -> Caption:
    entries = [entry for pair in _pairs(group).values() for entry in pair]
    return Caption(
        "Training error with and without batch normalisation over the iterations of training, a panel for each net "
        "that was trained both ways.",
        "Solid blue lines are nets with batch normalisation (BN), dashed ones are without. At the end of each stand "
        "how its weights were drawn and its learning rate. Training error is the running one, on augmented "
        f"images.{averaged(entries)}",
        entries,
    )


def _panel(axes: Axes, style: Style, entries: Sequence[Entry]) -> list[End]:
    """Draw the nets of one kind; returns what is to stand at their ends."""
    axes.set_ylim(0, 100)
    axes.set_xlabel("iterations")
    axes.tick_params(labelleft=True)
    axes.set_ylabel("training error (%)" if is_first(axes) else "")
    others = iter(WITHOUT_BN * len(entries))
    ends = []
    for entry in entries:
        with_bn = entry.model.normalization == "batch"
        colour = WITH_BN if with_bn else next(others)
        points = mean_curve([run for run in entry.runs if run.rows], "train_error_pct")
        if points:
            steps, means, _ = zip(*points, strict=True)
            (line,) = axes.plot(steps, means, "-" if with_bn else "--", color=colour, linewidth=1.6 * style.line)
            mark(line, entry)
            diverged = any(run.status == "diverged" for run in entry.runs)
            ends.append(End(steps[-1], means[-1], _label(entry) + (" diverged" if diverged else ""), colour, entry))
    return ends


def _pairs(group: Group) -> dict[str, list[Entry]]:
    """By the name of its panel, the nets of each kind that was trained both ways."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in group.entries:
        model = entry.model
        kind = "plain" if model.shortcut == "none" else "ResNet"
        activation = "" if model.activation == "relu" else f", {model.activation}"
        if model.shortcut in ("none", "identity") and model.unit == "original" and model.dropout == 0:
            found[f"{kind}-{model.depth}{activation}"].append(entry)
    return {name: entries for name, entries in found.items()
            if len({entry.model.normalization for entry in entries}) == 2}  # fmt: skip


def _label(entry: Entry) -> str:
    bn = "BN" if entry.model.normalization == "batch" else "no BN"
    start = INITIALIZATION_NAMES.get(entry.model.initialization, "He")
    return f"{bn}, {start}, {entry.training.learning_rate:g}"
