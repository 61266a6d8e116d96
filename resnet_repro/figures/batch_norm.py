"""Training error with and without batch normalisation, for each net that was trained both ways; as [B] Fig. 1a."""

from collections import defaultdict

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.analysis import Entry, Group
from resnet_repro.figures.curves import mean_curve
from resnet_repro.figures.probed import grid
from resnet_repro.figures.style import STYLE, label_ends
from resnet_repro.naming import INITIALIZATION_NAMES

WITH_BN, WITHOUT_BN = "#0072B2", ("#D55E00", "#E69F00", "#CC79A7", "#7f6d5f")


def draw_batch_norm(group: Group) -> Figure | None:
    """A panel for each kind of net that has both; None where none has."""
    pairs = {name: entries for name, entries in _pairs(group).items()
             if len({entry.model.normalization for entry in entries}) == 2}  # fmt: skip
    if not pairs:
        return None
    with matplotlib.rc_context(STYLE):
        figure, panels = grid(group, "With and without batch normalisation", list(pairs), share_y=True)
        figure.set_size_inches(1.3 * figure.get_size_inches()[0], figure.get_size_inches()[1])
        for axes, entries in zip(panels, pairs.values(), strict=True):
            axes.set_ylim(0, 100)
            others = iter(WITHOUT_BN * len(entries))
            ends = []
            for entry in entries:
                with_bn = entry.model.normalization == "batch"
                colour = WITH_BN if with_bn else next(others)
                points = mean_curve([run for run in entry.runs if run.rows], "train_error_pct")
                if points:
                    steps, means, _ = zip(*points, strict=True)
                    axes.plot(steps, means, "-" if with_bn else "--", color=colour, linewidth=1.6)
                    diverged = any(run.status == "diverged" for run in entry.runs)
                    ends.append((steps[-1], means[-1], _label(entry) + (" diverged" if diverged else ""), colour))
            label_ends(axes, ends, gap=0.11)
            axes.set_xlabel("iterations")
            axes.tick_params(labelleft=True)
        panels[0].set_ylabel("training error (%)")
    return figure


def _pairs(group: Group) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in group.entries:
        model = entry.model
        kind = "plain" if model.shortcut == "none" else "ResNet"
        activation = "" if model.activation == "relu" else f", {model.activation}"
        if model.shortcut in ("none", "identity") and model.unit == "original" and model.dropout == 0:
            found[f"{kind}-{model.depth}{activation}"].append(entry)
    return found


def _label(entry: Entry) -> str:
    bn = "BN" if entry.model.normalization == "batch" else "no BN"
    start = INITIALIZATION_NAMES.get(entry.model.initialization, "He")
    return f"{bn}, {start}, {entry.training.learning_rate:g}"
