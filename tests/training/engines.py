"""Small nets and mini-batches for tests of the engine."""

import torch
from torch import Tensor

from resnet_repro.models.build import network_of
from resnet_repro.models.network import Network
from resnet_repro.spec import ModelSpec

CPU = torch.device("cpu")


def batch_of(size: int, seed: int, side: int = 2) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, side, side, generator=random).contiguous(memory_format=torch.channels_last)
    return images, torch.randint(0, 10, (size,), generator=random)


def small_net() -> Network:
    torch.manual_seed(0)
    return network_of(ModelSpec(depth=8, width=2))
