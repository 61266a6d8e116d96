"""h, the shortcut: what of a unit's input is added to its branch, and how much of the branch. [I] section 3, Table 1.

The identity passes on the input itself; where the unit changes the shape, option A (no parameters) or B (projection)
of [R] section 3.3 stands in for it, in every kind of shortcut.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.models.layers import Dropout, convolution, layers
from resnet_repro.spec import ModelSpec


class SubsampleAndPad(nn.Module):
    """Option A: every second row and column, and zeros for the new maps. Owns no parameters."""

    def __init__(self, w_in: int, w_out: int, stride: int) -> None:
        super().__init__()
        self.new_maps = w_out - w_in
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_maps))  # (N, w_out, H/stride, W/stride)


class Shortcut(nn.Module):
    """h is the identity, or its option where the shape changes.

    Returns both terms of the sum h(x) + F(x), each (N, w_out, H/stride, W/stride).

    `projection` is the order of the layers that project: "conv bn" where the unit has BN after its convolutions.
    """

    def __init__(self, w_in: int, w_out: int, stride: int, projection: str, model: ModelSpec) -> None:
        super().__init__()
        self.h = self._identity(w_in, w_out, stride, projection, model)

    def _identity(self, w_in: int, w_out: int, stride: int, projection: str, model: ModelSpec) -> nn.Module:
        if not projects(w_in, w_out, stride, model):
            return nn.Identity() if (w_in, stride) == (w_out, 1) else SubsampleAndPad(w_in, w_out, stride)
        return layers(projection, w_in, model, [w_out], [1], stride)

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x), residual


class ScaledShortcut(Shortcut):
    """Constant numbers before h and F, [I] section 3.1."""

    def __init__(self, w_in: int, w_out: int, stride: int, projection: str, model: ModelSpec) -> None:
        super().__init__(w_in, w_out, stride, projection, model)
        assert model.shortcut_scale is not None
        assert model.branch_scale is not None
        self.shortcut_scale, self.branch_scale = model.shortcut_scale, model.branch_scale

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.shortcut_scale * self.h(x), self.branch_scale * residual


class ShortcutOnlyGate(Shortcut):
    """(1 - g) h and F with the gate g(x) = sigmoid(W x + b), a 1x1 convolution; b starts from `gate_bias`."""

    def __init__(self, w_in: int, w_out: int, stride: int, projection: str, model: ModelSpec) -> None:
        super().__init__(w_in, w_out, stride, projection, model)
        self.gate = convolution(w_in, w_out, 1, stride, bias=True)

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x) * torch.sigmoid(-self.gate(x)), residual  # 1 - sigmoid(z) = sigmoid(-z)


class ExclusiveGate(ShortcutOnlyGate):
    """(1 - g) h and g F, the gating of Highway networks, [I] section 3.1."""

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        h, gate = self.h(x), self.gate(x)
        return h * torch.sigmoid(-gate), residual * torch.sigmoid(gate)


class DropoutShortcut(Shortcut):
    """Dropout on h, [I] section 3.1."""

    def __init__(self, w_in: int, w_out: int, stride: int, projection: str, model: ModelSpec) -> None:
        super().__init__(w_in, w_out, stride, projection, model)
        assert model.shortcut_dropout is not None
        self.dropout = Dropout(model.shortcut_dropout)

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.dropout(self.h(x)), residual


def projects(w_in: int, w_out: int, stride: int, model: ModelSpec) -> bool:
    """Whether h is a 1x1 convolution: in every unit (option C), or under option B where the shape changes."""
    if model.shortcut in ("none", "conv1x1"):
        return model.shortcut == "conv1x1"
    return model.option == "B" and (w_in, stride) != (w_out, 1)


SHORTCUTS: dict[str, type[Shortcut] | None] = {
    "none": None,  # the plain net: x' = f(F(x))
    "identity": Shortcut,
    "scaled": ScaledShortcut,
    "exclusive_gate": ExclusiveGate,
    "shortcut_only_gate": ShortcutOnlyGate,
    "conv1x1": Shortcut,
    "dropout": DropoutShortcut,
}
