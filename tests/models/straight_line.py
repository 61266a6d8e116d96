"""The papers' nets written out over their weights in float64, as a reference for the models."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.spec import ModelSpec

Add = Callable[[Tensor, Tensor], Tensor]  # (unit's input after the shared layers, F) -> h + F

SMALLEST = {"basic": 8, "bottleneck": 11, "single_layer": 5}  # depth of each block's smallest net
CONVOLUTIONS = {"basic": 2, "bottleneck": 3, "single_layer": 1}
WIDENING = {"basic": 1, "bottleneck": 4, "single_layer": 1}  # a unit's output width over its first convolution's


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape) + 1000 * seed))


def spec_of(**fields: Any) -> ModelSpec:
    return ModelSpec(**fields)


def stirred(module: nn.Module, seed: int = 0) -> Any:
    """The module in float64 with random parameters and statistics, so that a test notices if one is not used."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.is_floating_point():
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator) + (tensor.dim() == 1))
    return module


class Weights:
    """A copy of a module's weights and statistics, with operations on them. `used` collects the names that were read.

    Reading a layer that does not exist is an error: a BN layer in nets with BN, a convolution's bias in nets without.
    """

    def __init__(self, module: nn.Module, model: ModelSpec, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        self.state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        self.training = module.training
        self.normalized = model.normalization == "batch"
        self.epsilon = model.batch_norm_epsilon
        self.act = activation
        self.prefix = ""
        self.used: set[str] = set()

    @property
    def unused(self) -> set[str]:
        return {name for name in self.state if not name.endswith("num_batches_tracked")} - self.used

    def of(self, name: str) -> Tensor:
        self.used.add(self.prefix + name)
        return self.state[self.prefix + name]

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = self.of(f"{name}.weight")
        bias = None if self.normalized else self.of(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride, padding=weight.shape[-1] // 2)

    def bn(self, x: Tensor, name: str) -> Tensor:
        if not self.normalized:
            return x
        mean, variance = self.of(f"{name}.running_mean"), self.of(f"{name}.running_var")
        if self.training:
            mean = x.mean((0, 2, 3))
            variance = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3))
        scaled = (x - mean[:, None, None]) / (variance + self.epsilon).sqrt()[:, None, None]
        return scaled * self.of(f"{name}.weight")[:, None, None] + self.of(f"{name}.bias")[:, None, None]


def original(w: Weights, x: Tensor, convolutions: int, stride: int, shared: bool, add: Add) -> Tensor:
    """conv BN act … conv BN, addition, act."""
    y = x
    for number in range(1, convolutions + 1):
        y = w.bn(w.conv(y, f"branch.conv{number}", stride if number == 1 else 1), f"branch.bn{number}")
        y = w.act(y) if number < convolutions else y
    return w.act(add(x, y))


def bn_after_addition(w: Weights, x: Tensor, convolutions: int, stride: int, shared: bool, add: Add) -> Tensor:
    """conv BN act … conv, addition, BN act."""
    y = x
    for number in range(1, convolutions + 1):
        y = w.conv(y, f"branch.conv{number}", stride if number == 1 else 1)
        y = w.act(w.bn(y, f"branch.bn{number}")) if number < convolutions else y
    return w.act(w.bn(add(x, y), "after.bn1"))


def relu_before_addition(w: Weights, x: Tensor, convolutions: int, stride: int, shared: bool, add: Add) -> Tensor:
    """conv BN act … conv BN act, addition."""
    y = x
    for number in range(1, convolutions + 1):
        y = w.act(w.bn(w.conv(y, f"branch.conv{number}", stride if number == 1 else 1), f"branch.bn{number}"))
    return add(x, y)


def relu_only_preactivation(w: Weights, x: Tensor, convolutions: int, stride: int, shared: bool, add: Add) -> Tensor:
    """act conv BN … act conv BN, addition; if `shared`, the shortcut gets the first act's output too."""
    x = w.act(x) if shared else x
    y = x
    for number in range(1, convolutions + 1):
        y = y if shared and number == 1 else w.act(y)
        y = w.bn(w.conv(y, f"branch.conv{number}", stride if number == 1 else 1), f"branch.bn{number}")
    return add(x, y)


def full_preactivation(w: Weights, x: Tensor, convolutions: int, stride: int, shared: bool, add: Add) -> Tensor:
    """BN act conv … BN act conv, addition; if `shared`, the shortcut gets the first BN act's output too."""
    x = w.act(w.bn(x, "before.bn1")) if shared else x
    y = x
    for number in range(1, convolutions + 1):
        if not shared:
            y = w.act(w.bn(y, f"branch.bn{number}"))
        elif number > 1:
            y = w.act(w.bn(y, f"branch.bn{number - 1}"))
        y = w.conv(y, f"branch.conv{number}", stride if number == 1 else 1)
    return add(x, y)


ORDERS = {
    "original": original,
    "bn_after_addition": bn_after_addition,
    "relu_before_addition": relu_before_addition,
    "relu_only_preactivation": relu_only_preactivation,
    "full_preactivation": full_preactivation,
}
PREACTIVATED = ("relu_only_preactivation", "full_preactivation")
NO_BN_AFTER_THE_LAST_CONVOLUTION = ("bn_after_addition", "full_preactivation")  # nor after a projection


def identity(w: Weights, x: Tensor, w_out: int, stride: int, model: ModelSpec) -> Tensor:
    """The input, or where the shape changes, option A (every second pixel, zero maps) or B (a 1x1 convolution)."""
    if (x.shape[1], stride) == (w_out, 1):
        return x
    if model.option == "A":
        side = x.shape[-1] // stride
        padded = torch.zeros(x.shape[0], w_out, side, side, dtype=x.dtype)
        for row in range(side):
            for column in range(side):
                padded[:, : x.shape[1], row, column] = x[:, :, stride * row, stride * column]
        return padded
    return projection(w, x, stride, model)


def projection(w: Weights, x: Tensor, stride: int, model: ModelSpec) -> Tensor:
    """A 1x1 convolution: a sum over maps at every stride-th pixel."""
    kernel = w.of("shortcut.h.conv1.weight")[:, :, 0, 0]  # (w_out, w_in)
    y = torch.einsum("oi,nihw->nohw", kernel, x[:, :, ::stride, ::stride])
    if not w.normalized:
        return y + w.of("shortcut.h.conv1.bias")[:, None, None]
    return y if model.unit in NO_BN_AFTER_THE_LAST_CONVOLUTION else w.bn(y, "shortcut.h.bn1")
