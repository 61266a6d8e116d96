"""The layers and the cost of a net, and how two nets differ."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from resnet_repro.describe.trace import UNTRACEABLE, Layer, trace
from resnet_repro.errors import SpecError, summary_of
from resnet_repro.models.build import network_of
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.spec.model import LAYERS_OF_BLOCK
from resnet_repro.spec.own import uses

IMAGE_SHAPE = (3, 32, 32)
# Fields that cost no multiply-adds, each with one of its values.
FREE: dict[str, Any] = {
    "unit": "original",
    "normalization": "none",
    "activation": "relu",
    "initialization": "he",
    "classifier_initialization": "uniform",
    "dropout": 0.0,
    "shortcut_scale": 1.0,
    "branch_scale": 1.0,
    "gate_bias": 0.0,
}


@dataclass(frozen=True)
class Description:
    """A net's layers, parameters and cost, for one image."""

    name: str
    image_shape: tuple[int, ...]
    parameters: int
    fully_connected: int  # parameters of fully-connected layers
    layers: tuple[Layer, ...]

    @property
    def layers_counted(self) -> int:
        """The depth as the papers count it: weighted layers on the longest path, without projections and gates."""
        return self.layers[-1].depth

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of a forward pass of one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def receptive_field(self) -> int:
        """Side in pixels of the image region that one value of the last feature maps depends on, including padding."""
        return max(layer.receptive_field or 0 for layer in self.layers)

    def totals(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "layers": self.layers_counted,
            "parameters": self.parameters,
            "fully_connected_parameters": self.fully_connected,
            "multiply_adds": self.multiply_adds,
            "receptive_field": self.receptive_field,
            "image_shape": list(self.image_shape),
        }


def describe(experiment: Experiment) -> Description:
    """Describe the net of an experiment. Raises SpecError if something of the user's own in it cannot be traced."""
    try:
        with torch.device("meta"):
            return describe_net(experiment.name, network_of(experiment.model), IMAGE_SHAPE)
    except UNTRACEABLE as error:
        if not (names := [f"{use.field} {use.name}" for use in uses(experiment)]):
            raise
        raise SpecError(
            f"{', '.join(names)}: cannot be described, as torch.fx cannot trace it: {summary_of(error)}; its "
            "forward should not depend on values or shapes"
        ) from None


def multiply_adds(experiment: Experiment) -> int:
    """What `describe` finds as the multiply-adds of a forward pass of one image, without tracing the whole net.

    Two shallow nets tell, which stand for all nets that differ in fields that cost no multiply-adds. With a part of the
    user's own, the net is traced; raises SpecError if it cannot be.
    """
    if _has_own_part(experiment):
        return describe(experiment).multiply_adds
    return _by_shallow_nets(experiment.model.model_copy(update=FREE), _multiply_adds)


def parameters(experiment: Experiment) -> int:
    """What `describe` finds as the parameters, found likewise."""
    if _has_own_part(experiment):
        return describe(experiment).parameters
    return _by_shallow_nets(experiment.model, _parameters)


def _has_own_part(experiment: Experiment) -> bool:
    return any(use.field.startswith("model.") for use in uses(experiment))


def _by_shallow_nets(model: ModelSpec, count: Callable[[ModelSpec], int]) -> int:
    """What `count` finds in a net, by the nets of one and two units a stage: all further ones have the same."""
    layers = 3 * LAYERS_OF_BLOCK[model.block]  # of one unit in each stage
    one, two = (count(model.model_copy(update={"depth": units * layers + 2})) for units in (1, 2))
    return one + (two - one) * ((model.depth - 2) // layers - 1)


@cache
def _multiply_adds(model: ModelSpec) -> int:
    with torch.device("meta"):
        return describe_net("", network_of(model), IMAGE_SHAPE).multiply_adds


@cache
def _parameters(model: ModelSpec) -> int:
    with torch.device("meta"):
        return _parameters_in([network_of(model)])


def describe_net(name: str, net: nn.Module, image_shape: tuple[int, ...]) -> Description:
    """Describe a convolutional net whose parameters are on the meta device, for images of shape (3, H, W)."""
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    layers = trace(net.eval(), image_shape)
    return Description(name, image_shape, _parameters_in([net]), _parameters_in(linear), layers)


def _parameters_in(modules: Sequence[nn.Module]) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


class LayerDifference(NamedTuple):
    """A kind of layer of which two nets have different numbers."""

    stage: str
    operation: str
    output: str  # the shape of its output: "16x32x32"
    parameters: int  # of one such layer
    left: int  # how many the left net has
    right: int


def layer_differences(left: Description, right: Description) -> list[LayerDifference]:
    """The kinds of layer of which two nets have different numbers, in the order of the nets."""
    counts = [Counter(map(_kind, description.layers)) for description in (left, right)]
    kinds = dict.fromkeys(_kind(layer) for description in (left, right) for layer in description.layers)
    found = [LayerDifference(*kind, counts[0][kind], counts[1][kind]) for kind in kinds]
    return [layer for layer in found if layer.left != layer.right]


def _kind(layer: Layer) -> tuple[str, str, str, int]:
    return layer.name.split(".")[0], layer.operation, "x".join(map(str, layer.output_shape)), layer.parameters
