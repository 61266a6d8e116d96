"""Loss and error over a whole set of images."""

from collections.abc import Iterable

import torch
from torch import Tensor

from resnet_repro.training.engine import Engine


def evaluate(engine: Engine, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Mean cross-entropy and error in %, in evaluation mode, each image counted once.

    Of several ranks, each has its own batches, and learns the result over all of them.
    """
    losses, errors, count = [torch.zeros((), device=engine.device)], [torch.zeros((), device=engine.device)], 0
    for images, labels in batches:
        outcome = engine.evaluate(images, labels)
        losses.append(outcome.loss * len(labels))
        errors.append(outcome.errors)
        count += len(labels)
    found = torch.stack([torch.stack(losses), torch.stack(errors)]).cpu().double()  # as not every device has doubles
    loss, wrong, images_seen = engine.ranks.sum(torch.tensor([*found.sum(dim=1), count], dtype=torch.float64)).tolist()
    return loss / images_seen, 100 * wrong / images_seen
