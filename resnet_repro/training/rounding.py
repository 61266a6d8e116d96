"""Convolutions in 16 bits on a CPU that has no instructions for them.

Torch computes them there number by number: on an AMD EPYC without AVX512, a step of plain-20 or ResNet-56 took 13 times
as long as in fp32. By way of fp32 it took 1.1 times as long, or less.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
PRODUCTS = {
    aten.convolution.default,
    aten.convolution_backward.default,
    aten.addmm.default,
    aten.mm.default,
    aten.bmm.default,
    aten.baddbmm.default,
}


class RoundedProducts(TorchDispatchMode):
    """Inside, convolutions and matrix products of 16-bit numbers are computed in fp32, and their results rounded.

    Instructions for 16 bits do the same: they multiply numbers of 16 bits and sum up in fp32. The results differ from
    theirs by the order of the sums alone.
    """


def _compute(
    self: RoundedProducts,
    operation: Callable[..., Any],
    types: Sequence[type],
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> Any:
    dtype = args[0].dtype if operation in PRODUCTS else torch.float32
    if dtype.itemsize > 2:
        return operation(*args, **(kwargs or {}))
    results = operation(*(_cast(value, torch.float32) for value in args), **(kwargs or {}))
    return tuple(_cast(value, dtype) for value in results) if isinstance(results, tuple) else _cast(results, dtype)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) else value


# Not in the body of the class, where it would import torch's compiler, which takes seconds.
RoundedProducts.__torch_dispatch__ = _compute  # type: ignore[method-assign, assignment]  # a function is a method too
