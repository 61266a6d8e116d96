"""Compares nets, also with torchvision's: parameters, multiply-adds, and the time of a forward pass."""

import warnings
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.describe.description import IMAGE_SHAPE, Description, describe_net
from resnet_repro.describe.trace import UNTRACEABLE
from resnet_repro.errors import RunError
from resnet_repro.models.build import network_of
from resnet_repro.nearest import did_you_mean, nearest
from resnet_repro.spec import Experiment
from resnet_repro.training.timing import always, interleaved, synchronizer

ROUNDS = 5


def published_net(name: str) -> nn.Module:
    """A net of torchvision, untrained, on the default device. Raises RunError if torchvision has none of this name."""
    models = import_torchvision().models
    known = models.list_models(module=models)
    if name not in known:
        hint = did_you_mean(nearest(name, known)) or f"; some are {', '.join(known[:5])}"
        raise RunError(f"--compare {name}: torchvision has no such net{hint}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about initialisations that do not matter for untrained nets
        return models.get_model(name, weights=None).eval()


def published_image_shape(name: str) -> tuple[int, ...]:
    """(3, H, W) of the images that the net's published weights were evaluated on."""
    weights = import_torchvision().models.get_model_weights(name)
    side = weights.DEFAULT.transforms().crop_size[0]
    return (3, side, side)


def describe_published(name: str) -> Description:
    """One of torchvision's nets. Raises RunError if there is no such net, or if its cost cannot be counted."""
    with torch.device("meta"):
        try:
            net = published_net(name)
            if any("Attention" in type(module).__name__ for module in net.modules()):
                raise RunError(f"--compare {name}: has attention layers; only convolutional nets can be counted")
            return describe_net(name, net, published_image_shape(name))
        except UNTRACEABLE as error:
            raise RunError(f"--compare {name}: cannot be counted: {str(error).splitlines()[0]}") from None


def forward_seconds(experiments: Sequence[Experiment], names: Sequence[str], device: torch.device) -> list[float]:
    """Median seconds of a forward pass of one image in fp32, for each experiment's net and then each published one.

    The nets take turns, so that other work on the machine slows all of them alike.
    """
    torch.backends.cudnn.allow_tf32 = False  # otherwise cuDNN rounds the inputs of convolutions to TF32
    with torch.device(device):
        nets: list[tuple[nn.Module, tuple[int, ...]]] = [
            (network_of(experiment.model), IMAGE_SHAPE) for experiment in experiments
        ]
        nets += [(published_net(name), published_image_shape(name)) for name in names]
        passes = [partial(_forward, net.eval(), torch.randn(1, *shape)) for net, shape in nets]
    contenders = {number: always(run, turn_seconds=0) for number, run in enumerate(passes)}  # one pass a turn
    return [timing.median for timing in interleaved(contenders, ROUNDS, synchronizer(device)).values()]


@torch.no_grad()
def _forward(net: nn.Module, images: torch.Tensor) -> None:
    net(images)
