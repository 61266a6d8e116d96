"""A net layer by layer: what it computes, what comes out, what it costs. Needs no memory: runs on the meta device."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resnet_repro.models.network import Network
from resnet_repro.spec import Experiment

INPUT_SHAPE = (1, 3, 32, 32)


@dataclass(frozen=True)
class Layer:
    """One operation for one image. `multiply_adds` counts convolutions and the classifier, as the papers do."""

    name: str
    operation: str
    output_shape: tuple[int, ...]  # without the batch
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Description:
    name: str
    depth: int
    layers: tuple[Layer, ...]

    @property
    def weighted_layers(self) -> int:
        """Depth counted the papers' way: convolutions on the main path and the classifier; not projections."""
        return sum(layer.multiply_adds > 0 and ".shortcut" not in layer.name for layer in self.layers)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """For one forward pass of one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    def totals(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "depth": self.depth,
            "layers": self.weighted_layers,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
        }


def describe(experiment: Experiment) -> Description:
    """The net of an experiment."""
    with torch.device("meta"):
        net = Network(experiment.model).eval()
        layers = _trace(net, torch.empty(INPUT_SHAPE))
    return Description(experiment.name, experiment.model.depth, layers)


def _trace(net: nn.Module, image: Tensor) -> tuple[Layer, ...]:
    found: list[Layer] = []
    for name, module in net.named_modules():
        if not list(module.children()) and not isinstance(module, nn.Sequential):

            def note(module: nn.Module, _: Any, output: Tensor, name: str = name) -> None:
                parameters = sum(parameter.numel() for parameter in module.parameters())
                multiply_adds = _multiply_adds(module, output)
                found.append(Layer(name, _operation(module), tuple(output.shape[1:]), parameters, multiply_adds))

            module.register_forward_hook(note)
    net(image)
    return tuple(found)


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        return output[0].numel() * module.in_channels * math.prod(module.kernel_size)
    return output[0].numel() * module.in_features if isinstance(module, nn.Linear) else 0


def _operation(module: nn.Module) -> str:
    match module:
        case nn.Conv2d():
            size = "x".join(map(str, module.kernel_size))
            return f"conv {size}" + (f", stride {module.stride[0]}" if module.stride[0] > 1 else "")
        case nn.Linear():
            return "fully connected"
        case _:
            return type(module).__name__
