"""Batch normalisation over each map: BN(x) = γ (x - μ) / sqrt(σ² + ε) + β, [B] algorithm 1 and section 3.2."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.spec import ModelSpec


class SplitBatchNorm2d(nn.BatchNorm2d):
    """BN whose statistics are those of each of `splits` equal, consecutive parts of the mini-batch.

    [R] section 4.2 trains 128 images on two GPUs, each with the statistics of its own 64. The population statistics
    follow the mean over the parts.
    """

    def __init__(self, width: int, splits: int, eps: float, momentum: float) -> None:
        super().__init__(width, eps=eps, momentum=momentum)
        self.weight_of_newest = momentum
        self.splits = splits

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        means, variances = ([t.clone() for _ in range(self.splits)] for t in (self.running_mean, self.running_var))
        parts = [
            F.batch_norm(part, mean, variance, self.weight, self.bias, True, self.weight_of_newest, self.eps)
            for part, mean, variance in zip(x.chunk(self.splits), means, variances, strict=True)
        ]
        self.running_mean.copy_(torch.stack(means).mean(dim=0))
        self.running_var.copy_(torch.stack(variances).mean(dim=0))
        return torch.cat(parts)


def batch_norm(width: int, model: ModelSpec) -> nn.BatchNorm2d:
    """The BN layer of a spec for (N, width, H, W)."""
    epsilon, momentum = model.batch_norm_epsilon, model.batch_norm_momentum
    if model.batch_norm_splits > 1:
        return SplitBatchNorm2d(width, model.batch_norm_splits, epsilon, momentum)
    return nn.BatchNorm2d(width, eps=epsilon, momentum=momentum)
