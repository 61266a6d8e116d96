"""Probes that read activations in a forward pass: which modules they watch, and what they compute there."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from resnet_repro.errors import SpecError
from resnet_repro.models.layers import ReLU
from resnet_repro.models.units import Unit
from resnet_repro.spec import ProbesSpec

QUANTILES = {"p15": 0.15, "p50": 0.50, "p85": 0.85}  # [B] Fig. 1b, c
DEAD_SLOPE = 0.01  # share of an activation's steepest slope, below which it is flat

# The slope of each activation at x, as a share of its steepest slope.
SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    ReLU: lambda x: (x > 0).float(),
    nn.Sigmoid: lambda x: 4 * x.sigmoid() * (-x).sigmoid(),
    nn.Tanh: lambda x: 1 - x.tanh().square(),
}


class Point(NamedTuple):
    """A module to watch, and a function from its input and output to () tensors by name."""

    layer: str
    module: nn.Module
    read: Callable[[Any, Any], dict[str, Tensor]]


def read_forward(
    points: Mapping[str, Sequence[Point]], forward: Callable[[], object]
) -> Iterator[tuple[str, str, str, float]]:
    """(probe, layer, name, value) for every point of each probe, during one call of `forward`."""
    found: list[tuple[str, str, str, Tensor]] = []
    handles = []

    def watch(probe: str, point: Point) -> None:
        def note(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            found.extend((probe, point.layer, name, value) for name, value in point.read(inputs[0], output).items())

        handles.append(point.module.register_forward_hook(note))

    try:
        for probe, watched in points.items():
            for point in watched:
                watch(probe, point)
        forward()
    finally:
        for handle in handles:
            handle.remove()
    values = torch.stack([value.float() for *_, value in found]).tolist() if found else []
    yield from ((*place, value) for (*place, _), value in zip(found, values, strict=True))


def layer_response(net: nn.Module, probes: ProbesSpec) -> list[Point]:
    """The standard deviation of each convolution's output over images, maps and positions, [R] Fig. 7.

    It is measured after the BN that directly follows the convolution, if there is one, and before the non-linearity or
    the addition.
    """
    points = []
    for name, chain in net.named_modules():
        if not isinstance(chain, nn.Sequential) or ".shortcut" in name:
            continue
        children = list(chain.named_children())
        for (key, module), (_, after) in zip(children, [*children[1:], ("", None)][: len(children)], strict=True):
            if isinstance(module, nn.Conv2d):
                watched = after if isinstance(after, nn.BatchNorm2d) else module
                points.append(Point(f"{name}.{key}", watched, lambda _, output: {"std": output.float().std()}))
    return points


def input_percentiles(net: nn.Module, probes: ProbesSpec) -> list[Point]:
    """The {15, 50, 85}th percentiles of one map of an activation's input, over images and positions, [B] Fig. 1b, c."""
    activations = _activations(net)
    in_branches = [name for name in activations if ".branch." in name]
    last = (in_branches or list(activations))[-1]
    layer = probes.layer or last
    if layer not in activations:
        raise SpecError(
            f"probes.layer: {layer!r} is not an activation of this net; use one like {last}, "
            "or leave the field out for the last one in a branch"
        )

    def read(x: Tensor, _: Tensor) -> dict[str, Tensor]:
        if probes.unit >= x.shape[1]:
            raise SpecError(f"probes.unit: {probes.unit} is past the {x.shape[1]} maps of {layer}, counted from 0")
        values = x[:, probes.unit].float().flatten().sort().values
        return {name: _quantile(values, share) for name, share in QUANTILES.items()}

    return [Point(layer, activations[layer], read)]


def _quantile(ascending: Tensor, share: float) -> Tensor:
    """The quantile by linear interpolation; torch.quantile refuses more than 16 million values."""
    place = share * (len(ascending) - 1)
    below = int(place)
    return torch.lerp(ascending[below], ascending[min(below + 1, len(ascending) - 1)], place - below)


def dead_units(net: nn.Module, probes: ProbesSpec) -> list[Point]:
    """The fraction of maps whose activation is flat at every image and position, so that no gradient passes."""

    def reader(slope: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
        def read(x: Tensor, _: Tensor) -> dict[str, Tensor]:
            steepest = slope(x.float()).amax(dim=(0, 2, 3))  # (C,)
            return {"fraction": (steepest < DEAD_SLOPE).float().mean()}

        return read

    known = [(name, module) for name, module in _activations(net).items() if type(module) in SLOPES]
    return [Point(name, module, reader(SLOPES[type(module)])) for name, module in known]


def branch_to_shortcut(net: nn.Module, probes: ProbesSpec) -> list[Point]:
    """‖F(x)‖ / ‖h(x)‖ of each unit, for the terms as they are added. It is small if the branch changes h(x) little."""

    def read(_: Tensor, terms: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        h, residual = (term.float().norm() for term in terms)
        return {"ratio": residual / h}

    units = [(name, module) for name, module in net.named_modules() if isinstance(module, Unit)]
    return [Point(name, unit.shortcut, read) for name, unit in units if unit.shortcut is not None]


def _activations(net: nn.Module) -> dict[str, nn.Module]:
    """The activations of a net by name, of whichever kind: each is an "act" of a sequence of layers."""
    return {name: module for name, module in net.named_modules() if re.search(r"(^|\.)act\d+$", name)}
