"""Builds the net of a spec. In this folder only this file and `initialization` read the `model` section."""

import threading
from collections.abc import Callable

import torch
from torch import nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.initialization import initialize
from resnet_repro.models.layers import ACTIVATIONS, Operations, convolution, layers
from resnet_repro.models.network import Network, Stage
from resnet_repro.models.shortcuts import (
    DropoutShortcut,
    ExclusiveGate,
    ScaledShortcut,
    Shortcut,
    ShortcutOnlyGate,
    SubsampleAndPad,
)
from resnet_repro.models.units import BLOCKS, UNITS, Unit
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.model import CLASSES
from resnet_repro.spec.own import check_known

# Makes the shortcut of each name from the spec, the layer h, and a function that makes a gate's convolution.
SHORTCUTS: dict[str, Callable[[ModelSpec, nn.Module, Callable[[], nn.Conv2d]], Shortcut] | None] = {
    "none": None,  # the plain net: x' = f(F(x))
    "identity": lambda model, h, gate: Shortcut(h),
    "scaled": lambda model, h, gate: ScaledShortcut(h, _given(model.shortcut_scale), _given(model.branch_scale)),
    "exclusive_gate": lambda model, h, gate: ExclusiveGate(h, gate()),
    "shortcut_only_gate": lambda model, h, gate: ShortcutOnlyGate(h, gate()),
    "conv1x1": lambda model, h, gate: Shortcut(h),  # whose h is always a projection
    "dropout": lambda model, h, gate: DropoutShortcut(h, _given(model.shortcut_dropout)),
}
_SEEDING = threading.Lock()  # torch's default generator belongs to all threads


def build(model: ModelSpec, generator: torch.Generator) -> Network:
    """The net of a spec's `model` section, on the CPU, with its initial weights drawn from `generator`."""
    with _SEEDING, torch.random.fork_rng(devices=[]):  # for what a shortcut of the user's own may draw
        torch.manual_seed(generator.initial_seed())
        net = network_of(model)
    initialize(net, model, generator)
    return net


def network_of(model: ModelSpec) -> Network:
    """The net of a spec on the default device, before `initialize` sets its weights.

    Raises SpecError if the spec was only read, and holds a name that a file of the user's own had added.
    """
    check_known(model, "model")
    order, block, width = UNITS[model.unit], BLOCKS[model.block], model.width
    units = (model.depth - 2) // (3 * len(block.kernels))
    operations = operations_of(model)

    def stage(w_in: int, width: int, stride: int) -> Stage:
        first = unit_of(w_in, width, stride, model, first=stride == 1)
        return Stage(first, *(unit_of(block.expansion * width, width, 1, model) for _ in range(units - 1)))

    w_end = 4 * width * block.expansion
    return Network(
        stem=layers(order.stem, 3, operations, [width], [3]),
        stage1=stage(width, width, 1),
        stage2=stage(block.expansion * width, 2 * width, 2),
        stage3=stage(block.expansion * 2 * width, 4 * width, 2),
        # BN and activation after the last addition ([I] appendix), and Fixup's bias before the classifier.
        end=layers(order.preactivation + " bias" * operations.scalar_biases, w_end, operations),
        head=nn.Linear(w_end, CLASSES),
    )


def unit_of(w_in: int, width: int, stride: int, model: ModelSpec, first: bool = False) -> Unit:
    """A unit: (N, w_in, H, W) -> (N, expansion * width, H/stride, W/stride). `first`: it is the net's first unit.

    The unit's first convolution has the stride, as in the authors' code. Pre-activation is part of the branch, except
    in the net's first unit and in units whose shortcut projects: there it comes before the paths part ([I], appendix,
    and the authors' code).
    """
    order, block, operations = UNITS[model.unit], BLOCKS[model.block], operations_of(model)
    w_out = block.expansion * width
    branch = order.branch(len(block.kernels))
    shared = order.preactivation if first or _projects(w_in, w_out, stride, model) else ""
    branch = branch.removeprefix(shared)
    if model.dropout:
        branch = "dropout conv".join(branch.rsplit("conv", 1))
    if model.initialization == "fixup":
        branch += " multiplier"
    widths = [width] * (len(block.kernels) - 1) + [w_out]
    return Unit(
        before=layers(shared, w_in, operations),
        branch=layers(branch, w_in, operations, widths, block.kernels, stride),
        shortcut=_shortcut(w_in, w_out, stride, model, operations),
        after=layers(order.after, w_out, operations),
    )


def operations_of(model: ModelSpec) -> Operations:
    """What "conv", "bn", "act" and "dropout" are in the net of a spec."""

    def batch_norm(width: int) -> BatchNorm2d:
        return BatchNorm2d(
            width, model.batch_norm_splits, model.batch_norm_epsilon, model.batch_norm_momentum, model.batch_norm_sync
        )

    return Operations(
        norm=batch_norm if model.normalization == "batch" else None,
        activation=ACTIVATIONS[model.activation],
        dropout=model.dropout,
        scalar_biases=model.initialization == "fixup",
    )


def _shortcut(w_in: int, w_out: int, stride: int, model: ModelSpec, operations: Operations) -> Shortcut | None:
    make = SHORTCUTS[model.shortcut]
    if make is None:
        return None
    if _projects(w_in, w_out, stride, model):
        h: nn.Module = layers(UNITS[model.unit].projection, w_in, operations, [w_out], [1], stride)
    else:
        h = nn.Identity() if (w_in, stride) == (w_out, 1) else SubsampleAndPad(w_out - w_in, stride)
    return make(model, h, lambda: convolution(w_in, w_out, 1, stride, bias=True))


def _projects(w_in: int, w_out: int, stride: int, model: ModelSpec) -> bool:
    """Whether h is a 1x1 convolution: in every unit under option C, or under option B where the shape changes."""
    if model.shortcut in ("none", "conv1x1"):
        return model.shortcut == "conv1x1"
    return model.option == "B" and (w_in, stride) != (w_out, 1)


def _given(value: float | None) -> float:
    """A value that the spec's validation guarantees to exist."""
    assert value is not None
    return value
