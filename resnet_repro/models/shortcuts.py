"""h, the shortcut: what of a unit's input is added to its branch.

[R] section 3.3: the identity where the shape stays; where it changes, option A (no parameters) or B (projection).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SubsampleAndPad(nn.Module):
    """Option A: every second row and column, and zeros for the new maps. Owns no parameters."""

    def __init__(self, w_in: int, w_out: int, stride: int) -> None:
        super().__init__()
        self.new_maps = w_out - w_in
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_maps))  # (N, w_out, H/stride, W/stride)


class Projection(nn.Sequential):
    """Option B: a 1x1 convolution with the unit's stride, and BN after it as after every convolution of [R]."""

    def __init__(self, w_in: int, w_out: int, stride: int, normalization: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(w_in, w_out, 1, stride, bias=normalization == "none")
        if normalization == "batch":
            self.bn = nn.BatchNorm2d(w_out)


def identity(w_in: int, w_out: int, stride: int, option: str, normalization: str) -> nn.Module:
    """The identity, or its option where the unit changes the shape."""
    if stride == 1 and w_in == w_out:
        return nn.Identity()
    if option == "A":
        return SubsampleAndPad(w_in, w_out, stride)
    return Projection(w_in, w_out, stride, normalization)


def none(w_in: int, w_out: int, stride: int, option: str, normalization: str) -> None:
    """The plain net: there is no h, and x' = f(F(x))."""


SHORTCUTS: dict[str, Callable[[int, int, int, str, str], torch.nn.Module | None]] = {
    "none": none,
    "identity": identity,
}
