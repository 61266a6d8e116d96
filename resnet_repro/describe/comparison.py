"""Nets beside each other, torchvision's among them: parameters, multiply-adds, and the time of a forward pass."""

import difflib
import statistics
import time
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import nn

from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.describe.description import IMAGE_SHAPE, Description, describe_net
from resnet_repro.errors import RunError
from resnet_repro.models.build import network_of
from resnet_repro.spec import Experiment

ROUNDS = 5


def published_net(name: str) -> nn.Module:
    """A convolutional net of torchvision, untrained, on the default device. Raises RunError if it has none so named."""
    models = import_torchvision().models
    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else f"some are {', '.join(known[:5])}"
        raise RunError(f"--compare {name}: torchvision has no such net; {hint}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about the way in which nets start that are not trained here
        return models.get_model(name, weights=None).eval()


def published_image_shape(name: str) -> tuple[int, ...]:
    """(3, H, W) that the net's published weights were evaluated on."""
    weights = import_torchvision().models.get_model_weights(name)
    side = weights.DEFAULT.transforms().crop_size[0]
    return (3, side, side)


def describe_published(name: str) -> Description:
    """One of torchvision's nets. Raises RunError if it is none, or not of a kind whose cost can be counted."""
    with torch.device("meta"):
        try:
            net = published_net(name)
            if any("Attention" in type(module).__name__ for module in net.modules()):
                raise RunError(f"--compare {name}: has attention layers; only convolutional nets can be counted")
            return describe_net(name, net, published_image_shape(name))
        except (torch.fx.proxy.TraceError, TypeError, RuntimeError) as error:
            raise RunError(f"--compare {name}: cannot be counted: {str(error).splitlines()[0]}") from None


def forward_seconds(experiments: Sequence[Experiment], names: Sequence[str], device: torch.device) -> list[float]:
    """Median seconds of a forward pass of one image in fp32, for each experiment's net and then each published one.

    The nets take turns, `ROUNDS` times after a first pass that is not counted, so that a busy moment hits all alike.
    """
    torch.backends.cudnn.allow_tf32 = False  # otherwise cuDNN rounds the inputs of convolutions to TF32
    with torch.device(device):
        nets: list[tuple[nn.Module, tuple[int, ...]]] = [
            (network_of(experiment.model), IMAGE_SHAPE) for experiment in experiments
        ]
        nets += [(published_net(name), published_image_shape(name)) for name in names]
        passes = [_forward(net.eval(), torch.randn(1, *shape), device) for net, shape in nets]
    rounds = [[_seconds(run) for run in passes] for _ in range(ROUNDS + 1)]
    return [statistics.median(times) for times in zip(*rounds[1:], strict=True)]


def _forward(net: nn.Module, images: torch.Tensor, device: torch.device) -> Callable[[], None]:
    def run() -> None:
        with torch.no_grad():
            net(images)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    return run


def _seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
