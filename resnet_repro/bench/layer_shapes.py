"""Computation and memory traffic of a net's layers in a training step, read from the net on the meta device."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from resnet_repro.models.build import network_of
from resnet_repro.spec import ModelSpec

IMAGE_SHAPE = (3, 32, 32)


class LayerShape(NamedTuple):
    """A convolution of square maps by square kernels, or a fully-connected layer, which has one pixel."""

    operation: str  # "convolution" or "fully connected"
    w_in: int
    w_out: int
    side: int = 1  # of the input's maps, in pixels
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    input_gradient: bool = True  # the first layer computes none

    @property
    def side_out(self) -> int:
        return (self.side + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass of one image."""
        return self.w_in * self.w_out * self.kernel**2 * self.side_out**2

    @property
    def training_multiply_adds(self) -> int:
        """Multiply-adds for one image: forward, and backward by the weights and by the input."""
        return (2 + self.input_gradient) * self.multiply_adds


class _Call(NamedTuple):
    module: nn.Module
    x: Tensor  # on the meta device, for one image
    output: Tensor


def layer_shapes(model: ModelSpec) -> Counter[LayerShape]:
    """The number of convolutions and fully-connected layers of each shape in a net."""
    layers = [call for call in _calls(model) if not isinstance(call.module, nn.BatchNorm2d)]
    return Counter(_shape(call.module, call.x, input_gradient=number > 0) for number, call in enumerate(layers))


def least_values_moved(model: ModelSpec) -> int:
    """Values that convolutions and normalisations, if run separately, read or write for one image in a training step.

    The forward pass reads the input and writes the output. The backward pass reads the output's gradient and the input,
    and writes the input's gradient, except in the first layer. That is 3 inputs + 2 outputs a layer, without weights.
    """
    calls = [call for call in _calls(model) if not isinstance(call.module, nn.Linear)]
    return sum((3 if number else 2) * call.x.numel() + 2 * call.output.numel() for number, call in enumerate(calls))


def _calls(model: ModelSpec) -> Iterator[_Call]:
    """The convolutions, normalisations and fully-connected layers in forward order, with inputs and outputs."""
    calls: list[_Call] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(_Call(module, inputs[0], output))

    with torch.device("meta"):
        net = network_of(model).eval()
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
                module.register_forward_hook(note)
        net(torch.empty(1, *IMAGE_SHAPE))
    return iter(calls)


def _shape(module: nn.Module, x: Tensor, input_gradient: bool) -> LayerShape:
    if isinstance(module, nn.Linear):
        return LayerShape("fully connected", module.in_features, module.out_features, input_gradient=input_gradient)
    assert isinstance(module, nn.Conv2d)
    assert module.groups == 1
    kernel, stride, side = module.kernel_size[0], module.stride[0], x.shape[-1]
    if kernel == 1:  # reads only every stride-th pixel
        side, stride = -(-side // stride), 1
    return LayerShape(
        "convolution", module.in_channels, module.out_channels, side, kernel, stride, kernel // 2, input_gradient
    )
