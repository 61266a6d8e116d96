"""The CIFAR net of [R] section 4.2: stem, three stages of n units, head; 6n+2 weighted layers."""

import torch
from torch import Tensor, nn

from resnet_repro.models.initialization import initialize
from resnet_repro.models.units import Unit, layers

CLASSES = 10


class Network(nn.Module):
    """A plain or residual net for 32x32 colour images. Parameters are registered in forward order."""

    def __init__(
        self,
        depth: int,
        unit: str = "original",
        shortcut: str = "identity",
        option: str = "A",
        normalization: str = "batch",
        activation: str = "relu",
        width: int = 16,
    ) -> None:
        super().__init__()
        units = (depth - 2) // 6

        def stage(w_in: int, w_out: int, stride: int) -> nn.Sequential:
            shapes = [(w_in, stride)] + [(w_out, 1)] * (units - 1)
            return nn.Sequential(
                *(Unit(w, w_out, s, unit, shortcut, option, normalization, activation) for w, s in shapes)
            )

        self.stem = layers("conv bn act", 3, width, 1, normalization, activation)
        self.stage1 = stage(width, width, 1)
        self.stage2 = stage(width, 2 * width, 2)
        self.stage3 = stage(2 * width, 4 * width, 2)
        self.head = nn.Linear(4 * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32) at width 16
        x = self.stage1(x)  # (N, 16, 32, 32)
        x = self.stage2(x)  # (N, 32, 16, 16)
        x = self.stage3(x)  # (N, 64, 8, 8)
        x = x.mean(dim=(2, 3))  # (N, 64), global average pooling
        return self.head(x)  # (N, 10)


def build(
    depth: int,
    unit: str,
    shortcut: str,
    option: str,
    normalization: str,
    activation: str,
    initialization: str,
    width: int,
    generator: torch.Generator,
) -> Network:
    """A net on the CPU with the weights it starts from. Takes the fields of a spec's `model` section."""
    net = Network(depth, unit, shortcut, option, normalization, activation, width)
    initialize(net, initialization, generator)
    return net
