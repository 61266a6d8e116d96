"""The effect of multiplying a net's weights by a number: under BN there is none, [B] section 3.3."""

from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 4.0  # a power of two, so that the multiplication is exact


def weight_scale(net: nn.Module, images: Tensor, labels: Tensor) -> Iterator[tuple[str, str, float]]:
    """(layer, name, value): compares the net with weights W to the net with weights aW, a = `SCALE`.

    The weights are those of every convolution that BN follows, or of all convolutions if there is no BN. "gradient" is
    a · ‖∂ℓ/∂(aW)‖ / ‖∂ℓ/∂W‖ of each such layer. "loss", of the whole net, is the loss with aW divided by the loss with
    W. [B] says that both are 1 under BN; only BN's epsilon causes a difference. images (N, 3, 32, 32), labels (N,).
    Weights and their gradients are restored.
    """
    weights = {f"{name}.weight": weight for name, weight in _scaled(net)}
    before = _loss_and_gradients(net, images, labels, list(weights.values()))
    kept = [weight.detach().clone() for weight in weights.values()]
    try:
        with torch.no_grad():
            for weight in weights.values():
                weight.mul_(SCALE)
        after = _loss_and_gradients(net, images, labels, list(weights.values()))
    finally:
        with torch.no_grad():
            for weight, value in zip(weights.values(), kept, strict=True):
                weight.copy_(value)
    ratios = torch.stack([after[0] / before[0], *(SCALE * ours.norm() / theirs.norm()
                          for ours, theirs in zip(after[1], before[1], strict=True))]).tolist()  # fmt: skip
    yield "net", "loss", ratios[0]
    yield from ((name, "gradient", ratio) for name, ratio in zip(weights, ratios[1:], strict=True))


def _scaled(net: nn.Module) -> list[tuple[str, Tensor]]:
    """The weights of the convolutions that BN directly follows; of all convolutions if there are none such."""
    found: list[tuple[str, Tensor]] = []
    for name, chain in net.named_modules():
        if isinstance(chain, nn.Sequential):
            children = list(chain.named_children())
            found += [
                (f"{name}.{key}", module.weight)
                for (key, module), (_, after) in pairwise(children)
                if isinstance(module, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)
            ]
    every = [(name, module.weight) for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    return found or every


def _loss_and_gradients(
    net: nn.Module, images: Tensor, labels: Tensor, weights: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Loss and gradients in fp32, whatever the run's precision, to keep rounding errors out."""
    with torch.enable_grad():
        loss = F.cross_entropy(net(images), labels)
        return loss.detach(), list(torch.autograd.grad(loss, weights))
