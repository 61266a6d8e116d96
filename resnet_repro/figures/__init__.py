"""Figures are functions of runs. To add one: a file here with `draw_x(group) -> Figure | None`, and a line below."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from resnet_repro.analysis import Group, comparable_groups
from resnet_repro.errors import RunError
from resnet_repro.figures.batch_norm import draw_batch_norm
from resnet_repro.figures.branch_ratios import draw_branch_ratios
from resnet_repro.figures.curves import draw_curves
from resnet_repro.figures.degradation import draw_degradation
from resnet_repro.figures.gradient_norms import draw_gradient_norms
from resnet_repro.figures.layer_responses import draw_layer_responses
from resnet_repro.figures.percentile_drift import draw_percentile_drift
from resnet_repro.figures.style import STYLE
from resnet_repro.record import Run

FIGURES: dict[str, Callable[[Group], Figure | None]] = {
    "curves": draw_curves,
    "degradation": draw_degradation,
    "layer-responses": draw_layer_responses,
    "gradient-norms": draw_gradient_norms,
    "percentile-drift": draw_percentile_drift,
    "branch-ratios": draw_branch_ratios,
    "batch-norm": draw_batch_norm,
}
FORMATS = ("png", "svg")


def draw_figures(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    """A file name without its ending, and a figure, for each comparable group and kind of figure it suffices for."""
    for group in comparable_groups(runs):
        for name, draw in FIGURES.items():
            if figure := draw(group):
                yield f"{name}-{group.condition.slug}", figure


def save_figures(runs: Sequence[Run], folder: Path) -> Iterator[Path]:
    """Write every figure in every format into `folder` and yield the paths. Equal runs give equal bytes."""
    for name, figure in draw_figures(runs):
        for ending in FORMATS:
            path = folder / f"{name}.{ending}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with matplotlib.rc_context(STYLE), warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "Glyph .* missing")  # in a name that a file brings
                    figure.savefig(path, dpi=200, metadata={"Date": None} if ending == "svg" else {"Software": None})
            except OSError as error:
                raise RunError(f"{path}: {error.strerror or error}; choose another folder with --output") from None
            yield path
