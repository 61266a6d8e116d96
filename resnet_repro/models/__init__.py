"""Plain and residual nets: x' = f(h(x) + F(x)). Here are the tables to which a file of your own adds, and their parts.

docs/own-ideas.md shows how.
"""

from resnet_repro.models.build import SHORTCUTS
from resnet_repro.models.initialization import CLASSIFIER_INITIALIZATIONS, INITIALIZATIONS
from resnet_repro.models.layers import ACTIVATIONS, Dropout
from resnet_repro.models.shortcuts import Shortcut
from resnet_repro.models.units import BLOCKS, UNITS, Block, UnitOrder

__all__ = [
    "ACTIVATIONS",
    "BLOCKS",
    "CLASSIFIER_INITIALIZATIONS",
    "INITIALIZATIONS",
    "SHORTCUTS",
    "UNITS",
    "Block",
    "Dropout",
    "Shortcut",
    "UnitOrder",
]
