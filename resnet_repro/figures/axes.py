"""Scales, ticks and sizes of axes."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def label_counts(axes: Axes, what: str) -> None:
    """Name a horizontal axis that counts something, with ticks at whole numbers alone."""
    axes.set_xlabel(what)
    axes.locator_params(axis="x", integer=True)


def log_scale(axes: Axes, decades: bool = True) -> None:
    """Make the y axis logarithmic if it has any positive value; with a tick at 1, 2 and 5 if not only for `decades`."""
    if any(np.any(np.asarray(line.get_ydata()) > 0) for line in axes.lines):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        if not decades:
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            return
        axes.yaxis.set_major_formatter(
            lambda value, _: f"10{f'{math.log10(value):.0f}'.translate(RAISED)}" if value > 0 else ""
        )


def panel_width(figure: Figure, axes: Axes) -> float:
    """A lower bound in inches for the width of a panel without its axis labels."""
    spec = axes.get_subplotspec()
    assert spec
    return 0.66 * figure.get_figwidth() / spec.get_gridspec().ncols
