"""Loss and error over a whole set of images."""

from collections.abc import Iterable

import torch
from torch import Tensor

from resnet_repro.training.engine import Engine


def evaluate(engine: Engine, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Mean cross-entropy and error in % over all images, in evaluation mode.

    Each rank evaluates its own batches, and every rank gets the result over the batches of all.
    """
    losses, errors, count = [torch.zeros((), device=engine.device)], [torch.zeros((), device=engine.device)], 0
    for images, labels in batches:
        outcome = engine.evaluate(images, labels)
        losses.append(outcome.loss * len(labels))
        errors.append(outcome.errors)
        count += len(labels)
    sums = torch.stack([torch.stack(losses), torch.stack(errors)]).cpu().double()  # on the host, as MPS has no float64
    loss, wrong, images_seen = engine.ranks.sum(torch.tensor([*sums.sum(dim=1), count], dtype=torch.float64)).tolist()
    return loss / images_seen, 100 * wrong / images_seen
