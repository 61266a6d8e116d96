"""Figures are functions of runs. To add one, write a file here with `draw_x(group, style) -> Figure | None` and
`caption_x(group) -> Caption`, and add a line to FIGURES."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from resnet_repro.analysis.groups import Group, comparable_groups
from resnet_repro.figures.batch_norm import caption_batch_norm, draw_batch_norm
from resnet_repro.figures.branch_ratios import caption_branch_ratios, draw_branch_ratios
from resnet_repro.figures.captions import Caption
from resnet_repro.figures.classifier import caption_classifier, draw_classifier
from resnet_repro.figures.comparison import draw_comparison
from resnet_repro.figures.construction import caption_construction, draw_construction
from resnet_repro.figures.curves import caption_curves, draw_curves
from resnet_repro.figures.degradation import caption_degradation, draw_degradation, why_no_degradation
from resnet_repro.figures.gradient_norms import caption_gradient_norms, draw_gradient_norms
from resnet_repro.figures.layer_responses import caption_layer_responses, draw_layer_responses
from resnet_repro.figures.percentile_drift import caption_percentile_drift, draw_percentile_drift
from resnet_repro.figures.reproductions import caption_reproductions, draw_reproductions
from resnet_repro.figures.style import STYLES, WEB, Style
from resnet_repro.figures.training_error import LiveCurves, draw_training_error
from resnet_repro.record.run import Run

__all__ = [
    "FIGURES", "STYLES", "Drawn", "Family", "LiveCurves", "draw_comparison", "draw_figures", "draw_training_error",
]  # fmt: skip


class Family(NamedTuple):
    """A kind of figure: how it is drawn, what it shows, and which runs it needs."""

    draw: Callable[[Group, Style], Figure | None]  # None if the group lacks the runs that it needs
    caption: Callable[[Group], Caption]  # for a group that can be drawn
    about: str
    needs: str
    why_not: Callable[[Sequence[Run]], str] | None = None  # of runs that do not suffice: what they lack


FIGURES: dict[str, Family] = {
    "curves": Family(draw_curves, caption_curves, "training and test error over the iterations", "any run"),
    "degradation": Family(
        draw_degradation, caption_degradation, "final error against depth",
        "nets of two depths, the same otherwise, that have finished under one schedule", why_no_degradation,
    ),
    "layer-responses": Family(
        draw_layer_responses, caption_layer_responses, "standard deviation of each layer's response",
        "runs whose probes measure layer_response",
    ),
    "gradient-norms": Family(
        draw_gradient_norms, caption_gradient_norms, "gradient norm of each layer at several steps",
        "runs whose probes measure gradient_norm",
    ),
    "percentile-drift": Family(
        draw_percentile_drift, caption_percentile_drift, "percentiles of the input of a deep activation over training",
        "runs whose probes measure input_percentiles",
    ),
    "branch-ratios": Family(
        draw_branch_ratios, caption_branch_ratios, "size of each residual branch beside its shortcut",
        "runs of residual nets whose probes measure branch_to_shortcut",
    ),
    "batch-norm": Family(
        draw_batch_norm, caption_batch_norm, "training error with and without batch normalisation",
        "a net trained with and without batch normalisation under one schedule",
    ),
    "classifier": Family(
        draw_classifier, caption_classifier, "training error by the initialisation of the classifier",
        "a net trained with several initialisations of the classifier under one schedule",
    ),
    "reproductions": Family(
        draw_reproductions, caption_reproductions, "test error of the first epochs beside that of another reproduction",
        "plain or residual nets on CIFAR-10 as the paper trains them, for eight epochs or more",
    ),
    "construction": Family(
        draw_construction, caption_construction, "training error of a grown net beside the same from random weights",
        "a net that has grown from another one (experiments/construction), with the run from which it has grown",
    ),
}  # fmt: skip


class Drawn(NamedTuple):
    """A figure of one family for one group, with its caption."""

    family: str
    group: Group
    figure: Figure
    caption: Caption

    @property
    def name(self) -> str:
        """The file name without its ending."""
        return f"{self.family}-{self.group.condition.slug}"


def draw_figures(runs: Sequence[Run], style: Style = WEB, families: Collection[str] = FIGURES) -> Iterator[Drawn]:
    """The figures of all comparable groups, in all of the `families` for which a group has the runs."""
    for group in comparable_groups(runs):
        for name, family in FIGURES.items():
            if name in families and (figure := family.draw(group, style)):
                yield Drawn(name, group, figure, family.caption(group))
