"""BN, an addition and a ReLU as one operation for training on a GPU: two kernels forward and two backward.

Torch launches up to seven kernels for BN alone in bf16. The paper's nets are so small that the number of kernels, not
their work, decides how long a step takes. Importing this needs Triton, which comes with torch's builds for CUDA.
"""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from resnet_repro.models import fused_kernels as kernels
from resnet_repro.models.batch_norm import BatchNorm2d


class _Grid(NamedTuple):
    """How the kernels' programs divide the values of x among them, see `fused_kernels`."""

    rows: int
    channels: int
    strips: int  # of `BLOCK` channels
    parts: int  # a power of two, as Triton's ranges are
    part_tiles: int
    tiles: int

    @classmethod
    def of(cls, x: Tensor) -> "_Grid":
        channels = x.shape[1]
        rows, strips = x.numel() // channels, triton.cdiv(channels, kernels.BLOCK)
        tiles = triton.cdiv(rows, kernels.TILE)
        parts = triton.next_power_of_2(min(tiles, triton.cdiv(kernels.PROGRAMS, strips)))
        return cls(rows, channels, strips, parts, triton.cdiv(tiles, parts), tiles)

    @property
    def constants(self) -> dict[str, int]:
        """The arguments that a kernel is compiled for."""
        return {"parts": self.parts, "tile": kernels.TILE, "block": kernels.BLOCK}


def fused_batch_norm(x: Tensor, layer: BatchNorm2d, addend: Tensor | None = None, relu: bool = False) -> Tensor:
    """ReLU(BN(x) + addend) in training, without the addition or the ReLU if not given. Needs `layer.fuses(x)`.

    x, addend (N, C, H, W) -> (N, C, H, W), channels_last. The result is that of the separate operations, up to
    float32 rounding within BN. The layer's running statistics are updated.
    """
    if addend is not None:
        assert (addend.dtype, addend.shape) == (x.dtype, x.shape)
        addend = addend.contiguous(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    return _FusedBatchNorm.apply(x, layer.weight, layer.bias, addend, layer, relu)


class _FusedBatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, addend: Tensor | None, layer: BatchNorm2d, relu: bool
    ) -> Tensor:
        grid = _Grid.of(x)
        y = torch.empty_like(x)
        sums = torch.empty(2, grid.parts, grid.channels, device=x.device)
        saved = torch.empty(2, grid.channels, device=x.device)
        with torch.cuda.device_of(x):
            kernels.moments[grid.parts, grid.strips](
                x, sums, grid.rows, grid.channels, **grid.constants, part_tiles=grid.part_tiles
            )
            kernels.normalize[grid.tiles, grid.strips](
                x, x if addend is None else addend, y, sums, weight, bias, saved, layer.running_mean, layer.running_var,
                layer.weight_of_newest, layer.eps, grid.rows, grid.channels, **grid.constants,
                part_tiles=grid.part_tiles, adds=addend is not None, rectifies=relu,
            )  # fmt: skip
        ctx.save_for_backward(x, weight, saved, y if relu else x)  # without a ReLU, backward does not need y
        ctx.grid, ctx.adds, ctx.relu = grid, addend is not None, relu
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, saved, y = ctx.saved_tensors
        grid: _Grid = ctx.grid
        dy = output_gradients[0].contiguous(memory_format=torch.channels_last)
        dx, d_weight, d_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        d_addend = torch.empty_like(x) if ctx.adds and ctx.relu else dy
        sums = torch.empty(2, grid.parts, grid.channels, device=x.device)
        with torch.cuda.device_of(x):
            kernels.gradient_sums[grid.parts, grid.strips](
                dy, y, x, saved, sums, grid.rows, grid.channels, **grid.constants,
                part_tiles=grid.part_tiles, rectifies=ctx.relu,
            )  # fmt: skip
            kernels.gradients[grid.tiles, grid.strips](
                dy, y, x, saved, sums, weight, dx, d_addend, d_weight, d_bias,
                grid.rows, grid.channels, **grid.constants, adds=ctx.adds, rectifies=ctx.relu,
            )  # fmt: skip
        return dx, d_weight, d_bias, d_addend if ctx.adds else None, None, None
