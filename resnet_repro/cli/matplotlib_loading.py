"""Loads matplotlib without the user's settings, for the commands that draw."""

import importlib
import os
from contextlib import chdir


def load_matplotlib() -> None:
    """Import matplotlib without a matplotlibrc, from which no figure takes anything: a damaged one would stop us.

    Its loading reads the one in the working folder first, then the one that $MATPLOTLIBRC names.
    """
    os.environ["MPLBACKEND"] = "agg"  # no window is needed; a notebook asks for a backend that may not be installed
    os.environ["MATPLOTLIBRC"] = os.devnull
    with chdir(os.path.dirname(__file__)):
        importlib.import_module("matplotlib")
