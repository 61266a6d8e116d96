"""Units of every order and block, at every place in a net, against their formulas written out in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from straight_line import (
    CONVOLUTIONS,
    NO_BN_AFTER_THE_LAST_CONVOLUTION,
    ORDERS,
    PREACTIVATED,
    SMALLEST,
    WIDENING,
    Weights,
    identity,
    random,
    spec_of,
    stirred,
)
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.build import network_of, unit_of
from resnet_repro.models.layers import ReLU, StridedPointwise
from resnet_repro.models.units import Unit
from resnet_repro.spec import ModelSpec

WIDTH = 3


class Place(NamedTuple):
    """Where in a net a unit is. The first unit gets the `width` maps of the stem; the others get a unit's output."""

    option: str
    stride: int
    first: bool


PLACES = {
    "inside a stage": Place("A", 1, False),
    "at a stage's start with option A": Place("A", 2, False),
    "at a stage's start with option B": Place("B", 2, False),
    "first in the net with option A": Place("A", 1, True),
    "first in the net with option B": Place("B", 1, True),
}


def place_of(place: str, block: str) -> tuple[int, int, int]:
    """w_in, width and stride of a unit there."""
    _, stride, first = PLACES[place]
    return WIDTH if first else WIDENING[block] * WIDTH, stride * WIDTH, stride


def model_of(order: str, block: str, place: str, **fields: Any) -> ModelSpec:
    option = PLACES[place].option
    return spec_of(depth=SMALLEST[block], unit=order, block=block, width=WIDTH, option=option, **fields)


def assert_unit_is_as_written(place: str, model: ModelSpec, training: bool, act: Callable[..., Tensor]) -> None:
    w_in, width, stride = place_of(place, model.block)
    w_out, first = WIDENING[model.block] * width, PLACES[place].first
    unit = stirred(unit_of(w_in, width, stride, model, first)).train(training)
    w, x = Weights(unit, model, act), random(4, w_in, 6, 6)
    projected = model.option == "B" and (w_in, stride) != (w_out, 1)
    output = unit(x)
    expected = ORDERS[model.unit](
        w,
        x,
        CONVOLUTIONS[model.block],
        stride,
        first or projected,
        lambda before, residual: identity(w, before, w_out, stride, model) + residual,
    )
    assert output.shape == (4, w_out, 6 // stride, 6 // stride)
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-9)
    assert w.unused == set()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("order", ORDERS)
def test_a_unit_applies_its_operations_in_order(order: str, block: str, place: str, training: bool) -> None:
    assert_unit_is_as_written(place, model_of(order, block, place), training, lambda x: x.clamp(min=0))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("order", [order for order in ORDERS if order != "bn_after_addition"])
def test_without_bn_a_unit_applies_the_other_operations_in_order(order: str, block: str, place: str) -> None:
    model = model_of(order, block, place, normalization="none")
    assert_unit_is_as_written(place, model, True, lambda x: x.clamp(min=0))


@pytest.mark.parametrize(
    ("activation", "written_out"),
    [
        ("sigmoid", lambda x: 1 / (1 + torch.exp(-x))),
        ("tanh", lambda x: (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))),
    ],
)
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("order", ORDERS)
def test_other_activations_take_the_place_of_relu(
    order: str, block: str, activation: str, written_out: Callable[[Tensor], Tensor]
) -> None:
    place = "at a stage's start with option B"
    assert_unit_is_as_written(place, model_of(order, block, place, activation=activation), True, written_out)


@pytest.mark.parametrize("block", SMALLEST)
def test_a_plain_unit_is_its_branch_and_the_activation(block: str) -> None:
    model = spec_of(depth=SMALLEST[block], block=block, shortcut="none")
    unit = stirred(unit_of(4, 3, 2, model)).train()
    w, x = Weights(unit, model), random(4, 4, 6, 6)
    expected = ORDERS["original"](w, x, CONVOLUTIONS[block], 2, False, lambda _, residual: residual)
    torch.testing.assert_close(unit(x), expected, rtol=1e-9, atol=1e-9)
    assert w.unused == set()


@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("order", PREACTIVATED)
def test_both_paths_share_the_preactivation_only_in_the_nets_first_unit_and_before_projections(
    order: str, block: str, option: str
) -> None:
    layers = SMALLEST[block] - 2  # of one unit a stage
    net = network_of(spec_of(depth=2 * layers + 2, block=block, unit=order, option=option, width=2))
    units = {name: module for name, module in net.named_modules() if isinstance(module, Unit)}
    assert len(units) == 6
    projected = ["stage2.0", "stage3.0"] if option == "B" else []
    assert [name for name, unit in units.items() if len(unit.before)] == ["stage1.0", *projected]
    kinds = [ReLU] if order == "relu_only_preactivation" else [BatchNorm2d, ReLU]
    for unit in units.values():
        starts = list(unit.before) or list(unit.branch)
        assert [type(module) for module in starts[: len(kinds)]] == kinds
        assert len(unit.after) == 0


@pytest.mark.parametrize("order", ORDERS)
def test_projections_have_bn_if_the_branchs_last_convolution_has_it(order: str) -> None:
    unit: Any = unit_of(4, 8, 2, spec_of(depth=8, unit=order, option="B"))
    has_none = order in NO_BN_AFTER_THE_LAST_CONVOLUTION
    kinds = [StridedPointwise] if has_none else [StridedPointwise, BatchNorm2d]
    assert [type(module) for module in unit.shortcut.h] == kinds


def test_a_bottleneck_of_256_maps_has_fewer_weights_than_a_basic_block_of_64() -> None:
    def weights(unit: Unit) -> int:
        return sum(module.weight.numel() for module in unit.modules() if isinstance(module, nn.Conv2d))

    assert weights(unit_of(64, 64, 1, spec_of(depth=8))) == 73_728
    assert weights(unit_of(256, 64, 1, spec_of(depth=11, block="bottleneck"))) == 69_632


@pytest.mark.parametrize(
    ("block", "convolutions"),
    [
        ("basic", [(6, 2, (3, 3), (2, 2)), (2, 2, (3, 3), (1, 1))]),
        ("bottleneck", [(6, 2, (1, 1), (2, 2)), (2, 2, (3, 3), (1, 1)), (2, 8, (1, 1), (1, 1))]),
        ("single_layer", [(6, 2, (3, 3), (2, 2))]),
    ],
)
def test_a_blocks_convolutions_and_the_stride_of_the_first(block: str, convolutions: list[tuple[object, ...]]) -> None:
    unit = unit_of(6, 2, 2, spec_of(depth=SMALLEST[block], block=block))
    found = [module for module in unit.branch if isinstance(module, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.stride) for c in found] == convolutions
