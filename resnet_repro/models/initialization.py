"""Initial weights of a net, drawn in forward order from one generator."""

import math
from collections.abc import Callable

import torch
from torch import nn

from resnet_repro.models.layers import ScalarBias, ScalarMultiplier
from resnet_repro.models.shortcuts import ShortcutOnlyGate
from resnet_repro.models.units import Unit
from resnet_repro.spec import ModelSpec

# The standard deviation of a convolution's initial weights, from its fan-in and fan-out. He 2015 is "Delving Deep into
# Rectifiers", https://arxiv.org/abs/1502.01852.
INITIALIZATIONS: dict[str, Callable[[int, int, ModelSpec], float]] = {
    "he": lambda fan_in, fan_out, model: math.sqrt(2 / fan_out),  # He 2015, eq. 14; the authors' later code
    "he_fan_in": lambda fan_in, fan_out, model: math.sqrt(2 / fan_in),  # He 2015, eq. 10
    "xavier": lambda fan_in, fan_out, model: math.sqrt(2 / (fan_in + fan_out)),  # Glorot 2010, eq. 12
    "gaussian": lambda fan_in, fan_out, model: model.initialization_std or 0.0,
    "fixup": lambda fan_in, fan_out, model: math.sqrt(2 / fan_out),  # then `_apply_fixup`
}

# The standard deviation of the classifier's initial weights, from its fan-in. They are uniform or normal.
CLASSIFIER_INITIALIZATIONS: dict[str, Callable[[int, ModelSpec], float]] = {
    "uniform": lambda fan_in, model: 1 / math.sqrt(3 * fan_in),  # in ±1/sqrt(fan_in), Torch's own
    "he": lambda fan_in, model: math.sqrt(2 / fan_in),  # He 2015, eq. 10
    "gaussian": lambda fan_in, model: model.classifier_initialization_std or 0.0,
    "zero": lambda fan_in, model: 0.0,  # Zhang et al. 2019, section 3
}


def initialize(net: nn.Module, model: ModelSpec, generator: torch.Generator) -> None:
    """Fill `net` in place: normal weights of convolutions, zero biases except a gate's, BN as the identity.

    The classifier has its own rule, `model.classifier_initialization`. It matters: at 64 inputs He's standard deviation
    is 0.177 and that of the authors' uniform 0.072, and the first loss of ResNet-56 is 5.2 against 3.1.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            area = math.prod(module.kernel_size)
            std = INITIALIZATIONS[model.initialization](module.in_channels * area, module.out_channels * area, model)
            nn.init.normal_(module.weight, std=std, generator=generator)
        elif isinstance(module, nn.Linear):
            _initialize_classifier(module, model, generator)
        else:
            _initialize_other(module)
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in net.modules():
        if isinstance(module, ShortcutOnlyGate):
            assert module.gate.bias is not None
            assert model.gate_bias is not None
            nn.init.constant_(module.gate.bias, model.gate_bias)
    if model.initialization == "fixup":
        _apply_fixup(net)


def _initialize_classifier(classifier: nn.Linear, model: ModelSpec, generator: torch.Generator) -> None:
    std = CLASSIFIER_INITIALIZATIONS[model.classifier_initialization](classifier.in_features, model)
    if model.classifier_initialization == "uniform":
        bound = std * math.sqrt(3)
        nn.init.uniform_(classifier.weight, -bound, bound, generator=generator)
    else:
        nn.init.normal_(classifier.weight, std=std, generator=generator)


def _initialize_other(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d):
        module.reset_parameters()
    elif isinstance(module, ScalarBias):
        nn.init.zeros_(module.bias)
    elif isinstance(module, ScalarMultiplier):
        nn.init.ones_(module.multiplier)


def _apply_fixup(net: nn.Module) -> None:
    """Fixup (Zhang et al. 2019, section 3): zero the last of the m layers of each of the L branches.

    The other layers of a branch are scaled by L^(-1/(2m-2)), so that an update changes the output by the order of the
    learning rate, at any depth.
    """
    branches = [module.branch for module in net.modules() if isinstance(module, Unit)]
    for branch in branches:
        *others, last = (layer for layer in branch if isinstance(layer, nn.Conv2d))
        for layer in others:
            layer.weight.data.mul_(len(branches) ** (-1 / (2 * len(others))))
        nn.init.zeros_(last.weight)
