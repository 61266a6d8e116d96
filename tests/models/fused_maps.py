"""What tests of the fused kernels run on: a GPU, else Triton's interpreter on the CPU."""

import torch
from torch import Tensor

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def maps(shape: tuple[int, ...], seed: int, mean: float = 0.0) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + mean
    return values.to(DEVICE).contiguous(memory_format=torch.channels_last)
