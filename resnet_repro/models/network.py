"""The CIFAR net of [R] section 4.2: stem, three stages of units, head."""

import math

import torch
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.initialization import initialize
from resnet_repro.models.layers import layers
from resnet_repro.models.recompute import recomputed
from resnet_repro.models.units import BLOCKS, UNITS, Unit
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.model import CLASSES


class Stage(nn.Sequential):
    """Units one after the other.

    With `recompute`, n units keep for the backward pass what goes into every √n-th of them, and compute the rest again,
    √n units at a time (Chen et al. 2016, section 4.1).
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

    Its depth counts the stem, the convolutions of the branches and the classifier: 6n+2 for basic blocks.
    """

    def __init__(self, model: ModelSpec) -> None:
        super().__init__()
        order, block, width = UNITS[model.unit], BLOCKS[model.block], model.width
        units = (model.depth - 2) // (3 * len(block.kernels))

        def stage(w_in: int, width: int, stride: int) -> Stage:
            first = Unit(w_in, width, stride, model, first=stride == 1)
            return Stage(first, *(Unit(block.expansion * width, width, 1, model) for _ in range(units - 1)))

        w_end = 4 * width * block.expansion
        self.stem = layers(order.stem, 3, model, [width], [3])
        self.stage1 = stage(width, width, 1)
        self.stage2 = stage(block.expansion * width, 2 * width, 2)
        self.stage3 = stage(block.expansion * 2 * width, 4 * width, 2)
        # What the last addition still lacks, [I] appendix; and Fixup's bias before the classifier.
        self.end = layers(order.preactivation + " bias" * (model.initialization == "fixup"), w_end, model)
        self.head = nn.Linear(w_end, CLASSES)

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
        """Keep few activations while training, for nets whose activations do not fit into memory."""
        for stage in self.stages():
            stage.recompute = True

    def fuse(self, fused: bool = True) -> bool:
        """Have BN, an addition and a ReLU in a row run as one operation in training, by kernels that need Triton.

        Ghost BN (`batch_norm_splits`) and synchronised BN stay as they are; False if there is no other BN.
        """
        found = False
        for module in self.modules():
            if isinstance(module, Unit):
                module.fused = fused
            elif isinstance(module, BatchNorm2d) and module.splits == 1 and not module.synchronized:
                module.fused, found = fused, True
        return found

    def compile_units(self) -> None:
        """Have torch.compile fuse the operations of each unit; units of one shape share what was compiled."""
        torch._dynamo.config.recompile_limit = 64  # for each shape, and for training and evaluation
        for stage in self.stages():
            for unit in stage:
                unit.compile(dynamic=False)


def build(model: ModelSpec, generator: torch.Generator) -> Network:
    """The net of a spec's `model` section, on the CPU, with the weights it starts from."""
    net = Network(model)
    initialize(net, model, generator)
    return net
