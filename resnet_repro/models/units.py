"""F and f of the residual unit x' = f(h(x) + F(x)), as rows of two tables."""

from typing import NamedTuple

from torch import Tensor, nn

from resnet_repro.models.layers import Addition, in_order, is_watched, layers
from resnet_repro.models.shortcuts import SHORTCUTS, Shortcut, projects
from resnet_repro.spec import ModelSpec


class UnitOrder(NamedTuple):
    """The operations that come with each convolution of the branch F, with its last one, and f after the addition."""

    layer: str
    last: str
    after: str

    def branch(self, convolutions: int) -> str:
        """F in full: "conv bn act conv bn" for two convolutions of the original unit."""
        return " ".join([self.layer] * (convolutions - 1) + [self.last])

    @property
    def preactivation(self) -> str:
        """What a layer does before its convolution."""
        return self.layer.partition("conv")[0].strip()

    @property
    def stem(self) -> str:
        """The net's first layer, which has nothing to pre-activate."""
        return self.layer.removeprefix(self.preactivation).strip()

    @property
    def projection(self) -> str:
        """A 1x1 convolution on the shortcut has BN after it where the branch ends so."""
        return "conv bn" if "conv bn" in self.last else "conv"


UNITS = {  # [I] Table 2 and Fig. 4
    "original": UnitOrder(layer="conv bn act", last="conv bn", after="act"),  # [R] Fig. 2
    "bn_after_addition": UnitOrder(layer="conv bn act", last="conv", after="bn act"),
    "relu_before_addition": UnitOrder(layer="conv bn act", last="conv bn act", after=""),
    "relu_only_preactivation": UnitOrder(layer="act conv bn", last="act conv bn", after=""),
    "full_preactivation": UnitOrder(layer="bn act conv", last="bn act conv", after=""),
}


class Block(NamedTuple):
    """The convolutions of a branch: the side of each kernel, and how many times the inner width goes out."""

    kernels: tuple[int, ...]
    expansion: int


BLOCKS = {
    "basic": Block(kernels=(3, 3), expansion=1),  # [R] Fig. 5 left
    "bottleneck": Block(kernels=(1, 3, 1), expansion=4),  # [R] Fig. 5 right
    "single_layer": Block(kernels=(3,), expansion=1),  # a shortcut over every layer, [I] Table 3
}


class Unit(nn.Module):
    """x' = f(h(x) + F(x)), or x' = f(F(x)) where there is no shortcut.

    (N, w_in, H, W) -> (N, expansion * width, H/stride, W/stride). Its first convolution has the stride, as in the
    authors' code. Pre-activation stands in the branch, except that the net's first unit, and one whose shortcut
    projects, apply it before the paths part ([I], appendix, and the authors' code). `fused` allows operations to run
    as one across the ends of the branch; where a hook or a shortcut that changes the branch is in the way, they do not.
    """

    fused = False

    def __init__(self, w_in: int, width: int, stride: int, model: ModelSpec, first: bool = False) -> None:
        super().__init__()
        order, block, shortcut = UNITS[model.unit], BLOCKS[model.block], SHORTCUTS[model.shortcut]
        w_out = block.expansion * width
        branch = order.branch(len(block.kernels))
        shared = order.preactivation if first or projects(w_in, w_out, stride, model) else ""
        branch = branch.removeprefix(shared)
        if model.dropout:
            branch = "dropout conv".join(branch.rsplit("conv", 1))
        if model.initialization == "fixup":
            branch += " multiplier"
        widths = [width] * (len(block.kernels) - 1) + [w_out]
        self.before = layers(shared, w_in, model)
        self.branch = layers(branch, w_in, model, widths, block.kernels, stride)
        self.shortcut = shortcut(w_in, w_out, stride, order.projection, model) if shortcut else None
        self.after = layers(order.after, w_out, model)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        if self.fused and not is_watched(self.branch, self.shortcut, self.after):
            if self.shortcut is None:
                return in_order(x, [*self.branch, *self.after])
            if type(self.shortcut) is Shortcut:  # which leaves the branch as it is
                return in_order(x, [*self.branch, Addition(self.shortcut.h(x)), *self.after])
        residual = self.branch(x)
        if self.shortcut is None:
            return self.after(residual)
        h, residual = self.shortcut(x, residual)
        return self.after(h + residual)
