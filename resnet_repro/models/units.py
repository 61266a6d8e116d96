"""The residual unit x' = f(h(x) + F(x)): F and f are rows of two tables, and h is in `shortcuts`."""

from typing import NamedTuple

from torch import Tensor, nn

from resnet_repro.models.layers import Addition, Layers, in_order, is_watched
from resnet_repro.models.shortcuts import DropoutShortcut, ExclusiveGate, ScaledShortcut, Shortcut, ShortcutOnlyGate

# After these, F(x) may be overwritten by the sum; the backward pass of somebody else's shortcut may need it.
OURS = {Shortcut, ScaledShortcut, ShortcutOnlyGate, ExclusiveGate, DropoutShortcut}


class UnitOrder(NamedTuple):
    """The order of operations in one kind of unit."""

    layer: str  # for each convolution of the branch F except the last
    last: str  # for its last convolution
    after: str  # f, after the addition

    def branch(self, convolutions: int) -> str:
        """F in full: "conv bn act conv bn" for two convolutions of the original unit."""
        return " ".join([self.layer] * (convolutions - 1) + [self.last])

    @property
    def preactivation(self) -> str:
        """The operations before a convolution."""
        return self.layer.partition("conv")[0].strip()

    @property
    def stem(self) -> str:
        """The net's first layer, which has no pre-activation."""
        return self.layer.removeprefix(self.preactivation).strip()

    @property
    def projection(self) -> str:
        """The 1x1 convolution on the shortcut, with BN after it if the branch's last convolution has it."""
        return "conv bn" if "conv bn" in self.last else "conv"


UNITS = {  # [I] Table 2 and Fig. 4
    "original": UnitOrder(layer="conv bn act", last="conv bn", after="act"),  # [R] Fig. 2
    "bn_after_addition": UnitOrder(layer="conv bn act", last="conv", after="bn act"),
    "relu_before_addition": UnitOrder(layer="conv bn act", last="conv bn act", after=""),
    "relu_only_preactivation": UnitOrder(layer="act conv bn", last="act conv bn", after=""),
    "full_preactivation": UnitOrder(layer="bn act conv", last="bn act conv", after=""),
}


class Block(NamedTuple):
    """The convolutions of a branch."""

    kernels: tuple[int, ...]  # side of each, in pixels
    expansion: int  # output channels over inner channels


BLOCKS = {
    "basic": Block(kernels=(3, 3), expansion=1),  # [R] Fig. 5 left
    "bottleneck": Block(kernels=(1, 3, 1), expansion=4),  # [R] Fig. 5 right
    "single_layer": Block(kernels=(3,), expansion=1),  # a shortcut over every layer, [I] Table 3
}


class Unit(nn.Module):
    """x' = f(h(x) + F(x)), or x' = f(F(x)) where there is no shortcut.

    `before` is what both paths share, `branch` is F, `shortcut` holds h, and `after` is f. `fused` allows BN, the
    addition and a ReLU to run as one operation across the end of the branch. They stay separate where a hook watches
    them or where the shortcut changes the branch.
    """

    fused = False

    def __init__(self, before: Layers, branch: Layers, shortcut: Shortcut | None, after: Layers) -> None:
        super().__init__()
        self.before, self.branch, self.shortcut, self.after = before, branch, shortcut, after

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        if self.fused and not is_watched(self.branch, self.shortcut, self.after):
            if self.shortcut is None:
                return in_order(x, [*self.branch, *self.after])
            if type(self.shortcut) is Shortcut:  # which leaves the branch as it is
                return in_order(x, [*self.branch, Addition(self.shortcut.h(x)), *self.after])
        residual = self.branch(x)
        is_new = self.branch.output_is_free  # may be overwritten
        if self.shortcut is not None:
            h, residual = self.shortcut(x, residual)
            if is_new and type(self.shortcut) in OURS and not is_watched(self.shortcut):
                residual += h
            else:
                residual = h + residual
            is_new = True
        return self.after(residual) if is_watched(self.after) else in_order(residual, self.after, overwrite=is_new)
