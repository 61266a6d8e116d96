"""Layers, and sequences of them made from an order of operations such as "conv bn act"."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.seeding import random_bits

T = TypeVar("T")


class ReLU(nn.ReLU):
    """max(0, x), in the memory of x if the caller allows it to `overwrite` x."""

    def forward(self, x: Tensor, overwrite: bool = False) -> Tensor:
        return F.relu(x, inplace=overwrite)


ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class Dropout(nn.Module):
    """Zeroes each value with probability `rate` in training, and scales the rest to keep the mean.

    The mask depends only on `seed`, a tensor that is written before each step (`seeding.seeds`). So a resumed run,
    activation checkpointing, another device and a CUDA graph all get the same mask.
    """

    seed: Tensor  # () int64

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        channels_last = x.movedim(1, -1)  # (N, H, W, C), as it lies in memory
        bits = random_bits(self.seed, x.numel()).view(channels_last.shape)
        keep = bits >= round(self.rate * 2**32) - 2**31
        return (channels_last * keep / (1 - self.rate)).movedim(-1, 1)


class ScalarBias(nn.Module):
    """x + b with one learned number b, initially 0 (Fixup, Zhang et al. 2019, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.to(x.dtype)


class ScalarMultiplier(nn.Module):
    """a · x with one learned number a, initially 1 (Fixup, Zhang et al. 2019, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.multiplier = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.multiplier.to(x.dtype)


class StridedPointwise(nn.Conv2d):
    """A 1x1 convolution with a stride, which first takes every stride-th pixel.

    It computes the numbers of nn.Conv2d, whose backward pass crashes on CPUs for few channels in channels_last order
    (torch 2.13, oneDNN issue 6035).
    """

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.stride
        return F.conv2d(x[:, :, ::rows, ::columns], self.weight, self.bias)


def convolution(w_in: int, w_out: int, kernel: int, stride: int, bias: bool) -> nn.Conv2d:
    """(N, w_in, H, W) -> (N, w_out, H/stride, W/stride), padded so that stride 1 keeps the size."""
    kind = StridedPointwise if kernel == 1 and stride > 1 else nn.Conv2d
    return kind(w_in, w_out, kernel, stride, padding=kernel // 2, bias=bias)


class Addition(NamedTuple):
    """The operation term + x, for `in_order`."""

    term: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return self.term + x


class Layers(nn.Sequential):
    """Operations one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        return in_order(x, self)

    @property
    def output_is_free(self) -> bool:
        """Whether what follows may overwrite the output: the backward pass and hooks do not need it."""
        return len(self) > 0 and _is_free_after(self[-1]) and not is_watched(self)


def in_order(x: Tensor, operations: Iterable[nn.Module | Addition], overwrite: bool = False) -> Tensor:
    """Apply the operations to x, one after the other. The first one may `overwrite` x.

    BN that can run as a fused operation includes the addition and the ReLU after it, unless one of them has hooks. A
    ReLU overwrites its input where neither the backward pass nor a hook needs it, which saves memory and time.
    """
    left = deque(operations)
    while left:
        operation = left.popleft()
        if isinstance(operation, BatchNorm2d) and operation.fuses(x) and not is_watched(operation):
            from resnet_repro.models.fused_batch_norm import fused_batch_norm  # needs Triton, often absent

            addition = _next_if(Addition, left)
            relu = _next_if(ReLU, left)
            x = fused_batch_norm(x, operation, addition.term if addition else None, relu is not None)
            overwrite = False
        else:
            may_overwrite = overwrite and isinstance(operation, ReLU) and not is_watched(operation)
            x = operation(x, overwrite=True) if may_overwrite else operation(x)  # type: ignore[call-arg]  # a ReLU
            overwrite = _is_free_after(operation)
    return x


def _is_free_after(operation: nn.Module | Addition) -> bool:
    """Whether the output of an operation may be overwritten: it is new, its backward pass does without, and no hook."""
    kinds = (nn.Conv2d, BatchNorm2d, ScalarBias, ScalarMultiplier, Addition)
    return isinstance(operation, kinds) and not is_watched(operation)


def _next_if(kind: type[T], left: deque[nn.Module | Addition]) -> T | None:
    """Remove and return the next operation, if it is of this kind and has no hooks."""
    if left and isinstance(left[0], kind) and not is_watched(left[0]):
        return cast("T", left.popleft())
    return None


def is_watched(*operations: object) -> bool:
    """Whether one of them is a module with hooks, which must get the module's own input and output."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(operation, kind, None) for operation in operations for kind in kinds)


@dataclass(frozen=True)
class Operations:
    """What the tokens of an order stand for in one net."""

    norm: Callable[[int], nn.Module] | None  # makes the layer for so many channels; None: the net has no BN
    activation: Callable[[], nn.Module]
    dropout: float = 0.0  # rate
    scalar_biases: bool = False  # Fixup's


def layers(
    order: str,
    w_in: int,
    operations: Operations,
    widths: Sequence[int] = (),
    kernels: Sequence[int] = (),
    stride: int = 1,
) -> Layers:
    """The operations of `order`, such as "conv bn act": (N, w_in, H, W) -> (N, widths[-1], H/stride, W/stride).

    The convolutions have these `widths` and `kernels`, and the first one has the `stride`. In a net without BN, the bn
    tokens are dropped and the convolutions get a bias, which BN would cancel ([B] section 3.2). Fixup instead puts a
    scalar bias before each convolution and each activation.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    shapes = zip(widths, kernels, strict=True)
    width = w_in
    for token in _tokens(order, operations):
        match token:
            case "conv":
                w_out, kernel = next(shapes)
                bias = operations.norm is None and not operations.scalar_biases
                module: nn.Module = convolution(width, w_out, kernel, stride, bias)
                width, stride = w_out, 1
            case "bn":
                assert operations.norm is not None
                module = operations.norm(width)
            case "act":
                module = operations.activation()
            case "dropout":
                module = Dropout(operations.dropout)
            case "bias":
                module = ScalarBias()
            case "multiplier":
                module = ScalarMultiplier()
            case _:
                raise ValueError(f"{token!r} is none of the operations conv, bn and act")
        modules[f"{token}{1 + sum(key.startswith(token) for key in modules)}"] = module
    return Layers(modules)


def _tokens(order: str, operations: Operations) -> Iterator[str]:
    for token in order.split():
        if token in ("conv", "act") and operations.scalar_biases:
            yield "bias"
        if token != "bn" or operations.norm is not None:
            yield token
