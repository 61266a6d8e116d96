"""Activation checkpointing (Chen et al. 2016): computes activations again in the backward pass, to save memory."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resnet_repro.models.batch_norm import replaced_statistics


def recomputed(units: nn.Module, x: Tensor) -> Tensor:
    """units(x), keeping only x for the backward pass.

    The numbers are those of units(x): only the first computation updates BN's population statistics, and the second
    draws the same dropout masks, as these depend only on the step's seed.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), replaced_statistics(units, by=torch.clone)

    return checkpoint(units, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
