"""Batch normalisation over each map: BN(x) = γ (x - μ) / sqrt(σ² + ε) + β, [B] algorithm 1 and section 3.2."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

FUSED_PRECISIONS = (torch.float32, torch.bfloat16, torch.float16)
MOST_FUSED_VALUES = 2**31  # the fused kernels index with 32 bits


class BatchNorm2d(nn.BatchNorm2d):
    """BN with the choices that a spec has: ghost batch norm, statistics over all ranks, and fused kernels.

    With `splits` > 1 (ghost batch norm), each of so many equal, consecutive parts of the mini-batch is normalised by
    its own statistics, and the population statistics follow the mean over the parts. [R] section 4.2 trains 128 images
    on two GPUs, each with the statistics of its own 64. With `synchronized`, all ranks of a run use the statistics of
    all their images, on CPUs too, which nn.SyncBatchNorm cannot do. `fused` allows `layers.in_order` to compute BN and
    the operations after it as one; it has no effect on ghost and synchronised BN.

    Unlike nn.BatchNorm2d, this layer does not count mini-batches, which would cost one more GPU kernel a layer.
    """

    fused = False

    def __init__(self, width: int, splits: int, eps: float, momentum: float, synchronized: bool = False) -> None:
        super().__init__(width, eps=eps, momentum=momentum)
        self.weight_of_newest = momentum  # the newest mini-batch's share of the population statistics
        self.splits = splits
        self.synchronized = synchronized

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.synchronized and dist.is_available() and dist.is_initialized():
            return self._normalized_over_ranks(x)
        mean, variance = self.running_mean, self.running_var
        if not self.training or self.splits == 1:
            return self._normalized(x, mean, variance, by_batch=self.training or mean is None)
        if mean is None or variance is None:
            return torch.cat([self._normalized(part, None, None, by_batch=True) for part in x.chunk(self.splits)])
        means, variances = ([t.clone() for _ in range(self.splits)] for t in (mean, variance))
        parts = zip(x.chunk(self.splits), means, variances, strict=True)
        normalized = torch.cat([self._normalized(*part, by_batch=True) for part in parts])
        mean.copy_(torch.stack(means).mean(dim=0))
        variance.copy_(torch.stack(variances).mean(dim=0))
        return normalized

    def fuses(self, x: Tensor) -> bool:
        """Whether `fused_batch_norm` can compute this layer on x: in training, with the statistics of all of x."""
        return (
            self.fused
            and self.training
            and self.running_mean is not None
            and x.dtype in FUSED_PRECISIONS
            and x.shape[1] < x.numel() < MOST_FUSED_VALUES
        )

    def _normalized(self, x: Tensor, mean: Tensor | None, variance: Tensor | None, by_batch: bool) -> Tensor:
        """Normalise by x's statistics, and update the given population statistics; or normalise by these."""
        return F.batch_norm(x, mean, variance, self.weight, self.bias, by_batch, self.weight_of_newest, self.eps)

    def _normalized_over_ranks(self, x: Tensor) -> Tensor:
        """Normalise by the statistics over all ranks, in the precision of the weights, as F.batch_norm's kernels do."""
        values = x.to(self.weight.dtype)
        mean, variance = _moments_over_ranks(values)
        if self.running_mean is not None and self.running_var is not None:
            count = dist.get_world_size() * x.numel() // x.shape[1]
            self.running_mean.lerp_(mean.detach(), self.weight_of_newest)
            self.running_var.lerp_(variance.detach() * (count / (count - 1)), self.weight_of_newest)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (values * scale[:, None, None] + shift[:, None, None]).to(x.dtype)


def _moments_over_ranks(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each map, (C,) and (C,), over all ranks; each has an x (N, C, H, W) of equal size."""
    variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    own = torch.stack([mean, variance])  # (2, C)
    means, variances = _SumOverRanks.apply(F.pad(own[None], (0, 0, 0, 0, rank, ranks - 1 - rank))).unbind(dim=1)
    mean = means.mean(dim=0)
    return mean, (variances + (means - mean).square()).mean(dim=0)


class _SumOverRanks(torch.autograd.Function):
    """The sum over all ranks. The gradient is summed too, as every rank's loss depends on each rank's input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _SumOverRanks.forward(ctx, *gradients)


@contextmanager
def replaced_statistics(net: nn.Module, by: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Inside, the net's BN layers use `by(statistic)` instead of their population statistics, which stay unchanged.

    Where `by` returns None, BN normalises by the statistics of its input, in evaluation too.
    """
    kept = [(m, m.running_mean, m.running_var) for m in net.modules() if isinstance(m, BatchNorm2d)]
    for module, mean, variance in kept:
        assert mean is not None
        assert variance is not None
        module.running_mean, module.running_var = by(mean), by(variance)
    try:
        yield
    finally:
        for module, mean, variance in kept:
            module.running_mean, module.running_var = mean, variance
