"""Sequences of operations, named by their order: "conv bn act"."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d, batch_norm
from resnet_repro.seeding import random_bits
from resnet_repro.spec import ModelSpec

T = TypeVar("T")

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class Dropout(nn.Module):
    """Zeroes each value with probability `rate` while training, and scales the rest to keep the mean.

    What it draws depends on `seed` alone, a tensor that is written before each step (`seeding.seeds`): a resumed
    run, a recomputed activation, another device or a CUDA graph sees the same mask.
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
    """x + b with one number b, 0 at the start (Fixup, Zhang et al. 2019, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.to(x.dtype)


class ScalarMultiplier(nn.Module):
    """a · x with one number a, 1 at the start (Fixup, Zhang et al. 2019, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.multiplier = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.multiplier.to(x.dtype)


class StridedPointwise(nn.Conv2d):
    """A 1x1 convolution with a stride, which looks at every stride-th pixel only: those are taken first.

    The same numbers as nn.Conv2d, whose backward pass crashes on CPUs for few channels in channels_last order
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
    """term + x, as one of the operations that `in_order` runs."""

    term: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return self.term + x


class Layers(nn.Sequential):
    """Operations one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        return in_order(x, self)


def in_order(x: Tensor, operations: Iterable[nn.Module | Addition]) -> Tensor:
    """The operations one after the other, each on what the one before gave.

    BN that fuses takes the addition and the ReLU that follow with it, unless a hook watches one of them.
    """
    left = deque(operations)
    while left:
        operation = left.popleft()
        if isinstance(operation, BatchNorm2d) and operation.fuses(x) and not is_watched(operation):
            from resnet_repro.models.fused_batch_norm import fused_batch_norm  # needs Triton, which is not everywhere

            addition = _next_if(Addition, left)
            relu = _next_if(nn.ReLU, left)
            x = fused_batch_norm(x, operation, addition.term if addition else None, relu is not None)
        else:
            x = operation(x)
    return x


def _next_if(kind: type[T], left: deque[nn.Module | Addition]) -> T | None:
    """Take the next operation, if it is of this kind and no hook watches it."""
    if left and isinstance(left[0], kind) and not is_watched(left[0]):
        return cast("T", left.popleft())
    return None


def is_watched(*operations: object) -> bool:
    """Whether one of them is a module with hooks, which are to see what goes in and comes out of it."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(operation, kind, None) for operation in operations for kind in kinds)


def layers(
    order: str, w_in: int, model: ModelSpec, widths: Sequence[int] = (), kernels: Sequence[int] = (), stride: int = 1
) -> Layers:
    """The operations that `order` names: (N, w_in, H, W) -> (N, widths[-1], H/stride, W/stride).

    The convolutions have these `widths` and `kernels`, and the first one the `stride`. Without BN, the bn tokens are
    dropped and the convolutions get a bias, which BN would cancel ([B] section 3.2); Fixup instead puts a scalar bias
    before each convolution and each activation.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    shapes = zip(widths, kernels, strict=True)
    width = w_in
    for token in _tokens(order, model):
        match token:
            case "conv":
                w_out, kernel = next(shapes)
                bias = model.normalization == "none" and model.initialization != "fixup"
                module: nn.Module = convolution(width, w_out, kernel, stride, bias)
                width, stride = w_out, 1
            case "bn":
                module = batch_norm(width, model)
            case "act":
                module = ACTIVATIONS[model.activation]()
            case "dropout":
                module = Dropout(model.dropout)
            case "bias":
                module = ScalarBias()
            case "multiplier":
                module = ScalarMultiplier()
        modules[f"{token}{1 + sum(key.startswith(token) for key in modules)}"] = module
    return Layers(modules)


def _tokens(order: str, model: ModelSpec) -> Iterator[str]:
    for token in order.split():
        if token in ("conv", "act") and model.initialization == "fixup":
            yield "bias"
        if token != "bn" or model.normalization == "batch":
            yield token
