"""Shortcuts: the terms h(x) and F(x) of a unit's sum, [I] section 3 and Table 1.

In each of them, h is the identity where the unit keeps the shape. Where the shape changes, option A (no parameters) or
B (a projection) of [R] section 3.3 takes the identity's place.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.models.layers import Dropout


class SubsampleAndPad(nn.Module):
    """Option A: every second row and column, and zeros for the `new` channels. It has no parameters."""

    def __init__(self, new: int, stride: int) -> None:
        super().__init__()
        self.new = new
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new))  # (N, w_in + new, H/stride, W/stride)


class Shortcut(nn.Module):
    """h(x) and F(x) as they are.

    Returns both terms of the sum h(x) + F(x), each (N, w_out, H/stride, W/stride).
    """

    def __init__(self, h: nn.Module) -> None:
        super().__init__()
        self.h = h  # the identity, option A, or a projection

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x), residual


class ScaledShortcut(Shortcut):
    """h and F, each times a constant, [I] section 3.1."""

    def __init__(self, h: nn.Module, shortcut_scale: float, branch_scale: float) -> None:
        super().__init__(h)
        self.shortcut_scale, self.branch_scale = shortcut_scale, branch_scale

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.shortcut_scale * self.h(x), self.branch_scale * residual


class ShortcutOnlyGate(Shortcut):
    """(1 - g) h and F with the gate g(x) = sigmoid(W x + b), where `gate` is the 1x1 convolution W x + b."""

    def __init__(self, h: nn.Module, gate: nn.Conv2d) -> None:
        super().__init__(h)
        self.gate = gate

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x) * torch.sigmoid(-self.gate(x)), residual  # 1 - sigmoid(z) = sigmoid(-z)


class ExclusiveGate(ShortcutOnlyGate):
    """(1 - g) h and g F, the gating of Highway networks, [I] section 3.1."""

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        h, gate = self.h(x), self.gate(x)
        return h * torch.sigmoid(-gate), residual * torch.sigmoid(gate)


class DropoutShortcut(Shortcut):
    """Dropout on h, [I] section 3.1."""

    def __init__(self, h: nn.Module, rate: float) -> None:
        super().__init__(h)
        self.dropout = Dropout(rate)

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.dropout(self.h(x)), residual
