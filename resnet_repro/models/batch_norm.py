"""Batch normalisation over each map: BN(x) = γ (x - μ) / sqrt(σ² + ε) + β, [B] algorithm 1 and section 3.2."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.spec import ModelSpec


class BatchNorm2d(nn.BatchNorm2d):
    """BN whose statistics are those of each of `splits` equal, consecutive parts of the mini-batch.

    [R] section 4.2 trains 128 images on two GPUs, each with the statistics of its own 64. The population statistics
    follow the mean over the parts. Mini-batches are not counted, as nn.BatchNorm2d does for another kind of average:
    on a GPU that is one more kernel for each layer.
    """

    def __init__(self, width: int, splits: int, eps: float, momentum: float) -> None:
        super().__init__(width, eps=eps, momentum=momentum)
        self.weight_of_newest = momentum
        self.splits = splits

    def forward(self, x: Tensor) -> Tensor:
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

    def _normalized(self, x: Tensor, mean: Tensor | None, variance: Tensor | None, by_batch: bool) -> Tensor:
        """By the statistics of x, which the population statistics given then follow, or by those."""
        return F.batch_norm(x, mean, variance, self.weight, self.bias, by_batch, self.weight_of_newest, self.eps)


def batch_norm(width: int, model: ModelSpec) -> BatchNorm2d:
    """The BN layer of a spec for (N, width, H, W)."""
    return BatchNorm2d(width, model.batch_norm_splits, model.batch_norm_epsilon, model.batch_norm_momentum)


@contextmanager
def replaced_statistics(net: nn.Module, by: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Give BN something else in place of its population statistics, which so stay as they are.

    With None, BN uses the statistics of what it is given in evaluation, too.
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
