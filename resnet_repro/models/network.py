"""The CIFAR net of [R] section 4.2: stem, three stages of units, head."""

import math

import torch
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.layers import Layers
from resnet_repro.models.recompute import recomputed
from resnet_repro.models.units import Unit


class Stage(nn.Sequential):
    """Units one after the other.

    With `recompute` (activation checkpointing), a stage of n units keeps only the input of every √n-th unit for the
    backward pass, and computes the rest again, √n units at a time (Chen et al. 2016, section 4.1).
    """

    recompute = False

    def forward(self, x: Tensor) -> Tensor:
        if not (self.recompute and self.training):
            return super().forward(x)
        size = math.isqrt(len(self) - 1) + 1
        for start in range(0, len(self), size):
            x = recomputed(self[start : start + size], x)
        return x


class Network(nn.Module):
    """A plain or residual net for 32x32 colour images. Parameters are registered in forward order.

    Its depth counts the stem, the convolutions of the branches and the classifier: 6n+2 for n basic blocks a stage.
    """

    def __init__(self, stem: Layers, stage1: Stage, stage2: Stage, stage3: Stage, end: Layers, head: nn.Linear) -> None:
        super().__init__()
        self.stem = stem
        self.stage1, self.stage2, self.stage3 = stage1, stage2, stage3
        self.end = end
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32) at width 16
        x = self.stage1(x)  # (N, 16, 32, 32), bottlenecks (N, 64, 32, 32)
        x = self.stage2(x)  # (N, 32, 16, 16), bottlenecks (N, 128, 16, 16)
        x = self.stage3(x)  # (N, 64, 8, 8), bottlenecks (N, 256, 8, 8)
        x = self.end(x)
        x = x.mean(dim=(2, 3))  # (N, 64), global average pooling
        return self.head(x)  # (N, 10)

    def stages(self) -> tuple[Stage, Stage, Stage]:
        return self.stage1, self.stage2, self.stage3

    def recompute(self) -> None:
        """Use activation checkpointing in training, for nets whose activations do not fit into memory."""
        for stage in self.stages():
            stage.recompute = True

    def fuse(self, fused: bool = True) -> bool:
        """In training, run BN and an addition and a ReLU after it as one operation, by kernels that need Triton.

        Ghost batch norm (`batch_norm_splits`) and synchronised BN are not fused. Returns False if the net has no other.
        """
        found = False
        for module in self.modules():
            if isinstance(module, Unit):
                module.fused = fused
            elif isinstance(module, BatchNorm2d) and module.splits == 1 and not module.synchronized:
                module.fused, found = fused, True
        return found

    def compile_units(self) -> None:
        """Compile each unit with torch.compile; units of one shape share the compiled code."""
        torch._dynamo.config.recompile_limit = 64  # enough for all shapes, in training and in evaluation
        for stage in self.stages():
            for unit in stage:
                unit.compile(dynamic=False)
