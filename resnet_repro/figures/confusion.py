"""The confusion matrix of a net. Its diagonal, the images that were classified correctly, is grey."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from resnet_repro.figures.style import GREY, WEB, Style, add_title, drawing, new_figure

Matrix = npt.NDArray[np.floating[Any]]
COLOURS = LinearSegmentedColormap.from_list("confusion", ["#ffffff", "#f6c9a8", "#D55E00", "#7a3600"])
DIAGONAL = "#ececec"
DARK = 0.6  # the share of the colour scale above which text is white
LEAST_SCALE_PCT = 5.0  # the colour scale reaches at least this far, so that a good net's few confusions stay pale


def draw_confusion(
    counts: Sequence[Sequence[int]], classes: Sequence[str], conditions: str, style: Style = WEB
) -> Figure:
    """Rows are true classes, columns predicted ones; cells are in % of the row's images.

    `counts` are numbers of images, (classes, classes); `conditions` are the lines below the title.
    """
    images = np.asarray(counts, dtype=float)
    shares = 100 * images / np.maximum(images.sum(axis=1, keepdims=True), 1)
    confusions = np.where(np.eye(len(classes), dtype=bool), np.nan, shares)
    top = max(float(np.nanmax(confusions)), LEAST_SCALE_PCT)
    with drawing(style):
        figure = new_figure(style, 7.2, 6.2)
        axes = figure.subplots()
        axes.grid(visible=False)
        image = axes.imshow(confusions, cmap=COLOURS.with_extremes(bad=DIAGONAL), vmin=0, vmax=top)
        for row, column in np.ndindex(*shares.shape):
            if share := shares[row, column]:
                colour = GREY if row == column else "white" if share > DARK * top else "black"
                text = f"{share:.0f}" if share >= 9.95 else f"{share:.1f}"
                axes.text(column, row, text, ha="center", va="center", fontsize=style.small, color=colour)
        _write_errors(axes, images, shares, style)
        places = range(len(classes))
        axes.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(places, classes)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        _separate(axes, len(classes))
        bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
        bar.set_label("predicted as another class (% of the true class)")
        bar.outline.set_visible(False)
        add_title(figure, style, "Confusion matrix", conditions)
    return figure


def _write_errors(axes: Axes, images: Matrix, shares: Matrix, style: Style) -> None:
    """Write the error of each class to the right of its row."""
    size = len(images)
    axes.text(size + 0.1, -0.6, "error %", ha="center", va="bottom", fontsize=style.small, fontweight="bold")
    for row in range(size):
        text = f"{100 - shares[row, row]:.1f}" if images[row].any() else "–"
        axes.text(size + 0.1, row, text, ha="center", va="center", fontsize=style.small, fontweight="bold")


def _separate(axes: Axes, size: int) -> None:
    """Draw white lines between the cells."""
    edges = np.arange(size + 1) - 0.5
    axes.hlines(edges, -0.5, size - 0.5, color="white", linewidth=1.2)
    axes.vlines(edges, -0.5, size - 0.5, color="white", linewidth=1.2)
