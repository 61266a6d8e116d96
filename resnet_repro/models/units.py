"""F and f of the residual unit x' = f(h(x) + F(x)), as rows of a table."""

from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn

from resnet_repro.models.shortcuts import SHORTCUTS


class UnitOrder(NamedTuple):
    """The order of operations in the branch F, and in f after the addition."""

    branch: str
    after: str


UNITS = {
    "original": UnitOrder(branch="conv bn act conv bn", after="act"),  # [R] fig. 2
}

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU}


def layers(order: str, w_in: int, w_out: int, stride: int, normalization: str, activation: str) -> nn.Sequential:
    """The operations that `order` names, for example "conv bn act": (N, w_in, H, W) -> (N, w_out, H/stride, W/stride).

    Convolutions are 3x3; the first one changes width and size. "Without BN" drops the bn tokens and gives the
    convolutions a bias, which BN would cancel.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    width = w_in
    for token in order.split():
        number = 1 + sum(name.startswith(token) for name in modules)
        if token == "conv":
            modules[f"conv{number}"] = nn.Conv2d(width, w_out, 3, stride, padding=1, bias=normalization == "none")
            width, stride = w_out, 1
        elif token == "act":
            modules[f"act{number}"] = ACTIVATIONS[activation]()
        elif normalization == "batch":
            modules[f"bn{number}"] = nn.BatchNorm2d(width)
    return nn.Sequential(modules)


class Unit(nn.Module):
    """x' = f(h(x) + F(x)), or x' = f(F(x)) where there is no shortcut."""

    def __init__(
        self,
        w_in: int,
        w_out: int,
        stride: int,
        unit: str,
        shortcut: str,
        option: str,
        normalization: str,
        activation: str,
    ) -> None:
        super().__init__()
        order = UNITS[unit]
        self.branch = layers(order.branch, w_in, w_out, stride, normalization, activation)
        self.shortcut = SHORTCUTS[shortcut](w_in, w_out, stride, option, normalization)
        self.after = layers(order.after, w_out, w_out, 1, normalization, activation)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.branch(x)
        return self.after(residual if self.shortcut is None else self.shortcut(x) + residual)
