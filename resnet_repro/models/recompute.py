"""Activations computed again in the backward pass instead of being kept: memory for time (Chen et al. 2016)."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resnet_repro.models.batch_norm import replaced_statistics


def recomputed(units: nn.Module, x: Tensor) -> Tensor:
    """units(x), of which only x is kept for the backward pass.

    The numbers are those of units(x): BN's population statistics follow the first computation alone, and dropout draws
    the same masks again, as those depend on the step.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), replaced_statistics(units, by=torch.clone)

    return checkpoint(units, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
