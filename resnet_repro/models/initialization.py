"""The weights a net starts from, drawn in forward order from one generator."""

import math
from collections.abc import Callable

import torch
from torch import nn

# Standard deviation of a layer's weights from its fan-in and fan-out.
INITIALIZATIONS: dict[str, Callable[[int, int], float]] = {
    "he": lambda fan_in, fan_out: math.sqrt(2 / fan_out),  # He 2015, eq. 14; the authors' later code
    "he_fan_in": lambda fan_in, fan_out: math.sqrt(2 / fan_in),  # He 2015, eq. 10
    "xavier": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),  # Glorot 2010, eq. 12
}


def initialize(net: nn.Module, method: str, generator: torch.Generator) -> None:
    """Fill `net` in place: normal weights, zero biases, BN as the identity.

    The classifier has 10 outputs, which makes a fan-out rule far too large; "he" takes its fan-in there.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            area = math.prod(module.kernel_size)
            std = INITIALIZATIONS[method](module.in_channels * area, module.out_channels * area)
        elif isinstance(module, nn.Linear):
            rule = "he_fan_in" if method == "he" else method
            std = INITIALIZATIONS[rule](module.in_features, module.out_features)
        else:
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            continue
        nn.init.normal_(module.weight, std=std, generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
