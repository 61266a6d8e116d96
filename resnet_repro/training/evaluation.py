"""Loss and error over a whole set of images."""

from collections.abc import Iterable

import torch
from torch import Tensor

from resnet_repro.training.engine import Engine


def evaluate(engine: Engine, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Mean cross-entropy and error in %, in evaluation mode, each image counted once."""
    losses, errors, count = [], [], 0
    for images, labels in batches:
        outcome = engine.evaluate(images, labels)
        losses.append(outcome.loss * len(labels))
        errors.append(outcome.errors)
        count += len(labels)
    loss = torch.stack(losses).cpu().double().sum()  # on the CPU, as not every device has doubles
    return float(loss) / count, 100 * int(torch.stack(errors).sum()) / count
