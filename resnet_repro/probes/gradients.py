"""Gradient norms of each layer, which show vanishing or exploding gradients."""

from collections.abc import Iterator

import torch
from torch import nn


def gradient_norms(net: nn.Module) -> Iterator[tuple[str, str, float]]:
    """(layer, "norm", value): the Euclidean norm of the loss's gradient by the weights of each weighted layer.

    The gradients are those of the last mini-batch, without weight decay. Layers on the shortcuts are included.
    """
    weighted = {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    gradients = {name: module.weight.grad for name, module in weighted.items() if module.weight.grad is not None}
    norms = torch.stack([gradient.norm() for gradient in gradients.values()]).tolist() if gradients else []
    yield from ((name, "norm", norm) for name, norm in zip(gradients, norms, strict=True))
