"""BN, an addition and a ReLU as one operation, against float64: on a GPU, else in Triton's interpreter."""

import copy
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from fused_maps import DEVICE, maps
from torch import Tensor

pytest.importorskip("triton", reason="the fused kernels need Triton, which comes with torch's builds for CUDA")

from resnet_repro.models import fused_kernels as kernels
from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.fused_batch_norm import fused_batch_norm
from resnet_repro.models.layers import Layers

SHAPES = [
    (2, 16, 8, 8),
    (3, 5, 7, 3),  # neither rows nor channels fill a tile
    (1, 33, 5, 5),  # three strips of channels
    (5, 8, 16, 16),  # five tiles in four parts of up to two tiles, one of them short and one empty
    (2, 1, 3, 1),
]


def layer_of(channels: int) -> BatchNorm2d:
    layer = BatchNorm2d(channels, splits=1, eps=1e-3, momentum=0.3)
    random = torch.Generator().manual_seed(channels)
    for tensor in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
        assert tensor is not None
        tensor.copy_(torch.rand(channels, generator=random) + 0.5)
    layer.weight.data[::2] *= -1
    return layer.to(DEVICE)


def separately(x: Tensor, layer: BatchNorm2d, addend: Tensor | None, relu: bool) -> Tensor:
    y = layer(x)
    y = y if addend is None else addend + y
    return F.relu(y) if relu else y


def results(
    operation: Callable[..., Tensor], layer: BatchNorm2d, x: Tensor, addend: Tensor | None, relu: bool, dy: Tensor
) -> list[Tensor]:
    """Output, gradients of x, scale, shift and addend, and the running statistics."""
    layer = copy.deepcopy(layer).to(torch.float64 if x.dtype == torch.float64 else torch.float32)
    inputs = [t.clone().requires_grad_() for t in (x, addend) if t is not None]
    y = operation(inputs[0], layer, inputs[1] if addend is not None else None, relu)
    gradients = torch.autograd.grad(y, [*inputs, layer.weight, layer.bias], dy)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    return [y.detach(), *gradients, layer.running_mean, layer.running_var]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("mean", [0.0, 1000.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_is_as_close_to_float64_as_its_rounding_allows(
    shape: tuple[int, ...], mean: float, adds: bool, relu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "PROGRAMS", 4)
    layer, x, dy = layer_of(shape[1]), maps(shape, 0, mean), maps(shape, 1)
    addend = 5 * maps(shape, 2) if adds else None
    ours = results(fused_batch_norm, layer, x, addend, relu, dy)
    passed = dy * (ours[0] > 0) if relu else dy  # of our own output, as values near 0 may round to either side
    expected = results(
        separately, layer, x.double(), None if addend is None else addend.double(), False, passed.double()
    )
    expected[0] = F.relu(expected[0]) if relu else expected[0]
    tolerance = 2e-6 if mean == 0 else 5e-4  # float32 has seven digits, of which the mean takes three
    for one, other in zip(ours, expected, strict=True):
        scale = max(other.abs().max().item(), 1.0)
        torch.testing.assert_close(one.double(), other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_round_where_separate_operations_round(dtype: torch.dtype) -> None:
    shape = (4, 16, 8, 8)
    layer, dy = layer_of(16), maps(shape, 1).to(dtype)
    x, addend = (maps(shape, seed).to(dtype) for seed in (0, 2))
    exact = dtype == torch.float16 or DEVICE.type == "cuda"  # the interpreter truncates to bf16
    ours = results(fused_batch_norm, layer, x, addend, exact, dy)
    theirs = results(separately, layer, x, addend, exact, dy)
    assert [one.dtype for one in ours] == [other.dtype for other in theirs]
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=2e-2)
        if one.dtype == dtype and exact:
            assert (one != other).double().mean().item() < 0.02  # where rounding in float32 changes that to 16 bits


@pytest.mark.parametrize("place", ["x", "addend"])
def test_nan_stays_nan(place: str) -> None:
    layer, x, addend = layer_of(4), maps((2, 4, 4, 4), 0), maps((2, 4, 4, 4), 1)
    {"x": x, "addend": addend}[place][0, 1, 2, 3] = float("nan")
    assert fused_batch_norm(x, layer, addend, relu=True)[0, 1, 2, 3].isnan()


def test_the_memory_format_does_not_change_the_results() -> None:
    layer, x, addend = layer_of(4), maps((2, 4, 4, 6), 0), maps((2, 4, 4, 6), 1)
    dy = maps((2, 4, 4, 6), 2)
    ours = results(fused_batch_norm, layer, x.contiguous(), addend.contiguous(), True, dy.contiguous())
    expected = results(fused_batch_norm, layer, x, addend, True, dy)
    assert all(torch.equal(*pair) for pair in zip(ours, expected, strict=True))


def test_one_value_a_map_is_refused_as_by_torch() -> None:
    layer = layer_of(4)
    layer.fused = True
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        Layers(OrderedDict(bn1=layer))(torch.zeros(1, 4, 1, 1, device=DEVICE))


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from resnet_repro.models import fused_kernels as kernels

FLAGS = {"parts": 64, "part_tiles": 2, "tile": kernels.TILE, "block": kernels.BLOCK, "adds": True, "rectifies": True}
MAPS = ("x", "y", "dy", "dx", "addend", "d_addend")
for name in ("moments", "normalize", "gradient_sums", "gradients"):
    kernel = getattr(kernels, name)
    def kind(argument):
        if argument in FLAGS:
            return "constexpr"
        if argument in ("rows", "channels"):
            return "i32"
        return "fp32" if argument in ("momentum", "epsilon") else "*bf16" if argument in MAPS else "*fp32"
    signature = {argument: kind(argument) for argument in kernel.arg_names}
    constants = {argument: FLAGS[argument] for argument in kernel.arg_names if argument in FLAGS}
    triton.compile(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 90, 32))
"""


def test_the_kernels_compile_for_a_gpu_without_having_one() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    call = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True)
    assert call.returncode == 0, call.stderr
