"""Describes nets without training them or allocating their weights."""

from resnet_repro.describe.comparison import describe_published, forward_seconds
from resnet_repro.describe.description import Description, describe, layer_differences, multiply_adds, parameters

__all__ = [
    "Description", "describe", "describe_published", "forward_seconds", "layer_differences", "multiply_adds",
    "parameters",
]  # fmt: skip
