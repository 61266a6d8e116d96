"""Single layers, option A and option B, and the residual unit of the first paper against arithmetic in float64."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from straight_line import random, spec_of, stirred
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.build import operations_of, unit_of
from resnet_repro.models.layers import ACTIVATIONS, StridedPointwise, layers
from resnet_repro.models.shortcuts import SubsampleAndPad
from resnet_repro.models.units import UNITS
from resnet_repro.spec import ModelSpec

SHAPES = [(4, 4, 1), (4, 8, 2), (3, 5, 1)]  # w_in, w_out, stride


def model_of(**fields: Any) -> ModelSpec:
    return spec_of(**{"depth": 8, **fields})


def stirred_unit(w_in: int, w_out: int, stride: int, **fields: Any) -> Any:
    """A unit in float64 whose BN has weights and statistics other than the identity's."""
    unit = unit_of(w_in, w_out, stride, model_of(**fields)).double()
    generator = torch.Generator().manual_seed(0)
    for module in unit.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.copy_(0.5 + torch.rand(w_out, generator=generator))
    return unit


def shortcut_of(w_in: int, w_out: int, stride: int, **fields: Any) -> Any:
    return unit_of(w_in, w_out, stride, model_of(**fields)).shortcut


def layers_of(order: str, widths: Sequence[int], kernels: Sequence[int], stride: int = 1, **fields: Any) -> Any:
    return layers(order, 4, operations_of(model_of(**fields)), widths, kernels, stride)


def normalize(x: Tensor, layer: Any, training: bool) -> Tensor:
    mean = x.mean((0, 2, 3)) if training else layer.running_mean.clone()
    variance = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3)) if training else layer.running_var.clone()
    scaled = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
    return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]


def test_option_a_owns_no_parameters() -> None:
    assert isinstance(shortcut_of(16, 32, 2).h, SubsampleAndPad)
    assert not shortcut_of(16, 32, 2).state_dict()


def test_option_a_takes_every_second_pixel_and_appends_zero_maps() -> None:
    x = torch.arange(2 * 2 * 4 * 4).reshape(2, 2, 4, 4).float()
    y = SubsampleAndPad(2, 2)(x)
    assert y.shape == (2, 4, 2, 2)
    assert y[0, 0].tolist() == [[0, 2], [8, 10]]
    assert y[1, 1].tolist() == [[48, 50], [56, 58]]
    assert not y[:, 2:].any()


def test_option_b_is_a_1x1_convolution_with_bn_after_it() -> None:
    projection = shortcut_of(16, 32, 2, option="B").h
    assert [tuple(parameter.shape) for parameter in projection.parameters()] == [(32, 16, 1, 1), (32,), (32,)]
    assert [type(module) for module in projection] == [StridedPointwise, BatchNorm2d]
    assert projection(torch.zeros(2, 16, 8, 8)).shape == (2, 32, 4, 4)


def test_option_b_without_bn_is_a_1x1_convolution_with_bias() -> None:
    projection = shortcut_of(16, 32, 2, option="B", normalization="none").h
    assert [tuple(parameter.shape) for parameter in projection.parameters()] == [(32, 16, 1, 1), (32,)]
    assert [type(module) for module in projection] == [StridedPointwise]


@pytest.mark.parametrize("option", ["A", "B"])
def test_the_shortcut_is_the_input_itself_where_the_shape_stays(option: str) -> None:
    x, residual = random(1, 4, 8, 8), random(1, 4, 8, 8, seed=1)
    h, branch = shortcut_of(4, 4, 1, option=option)(x, residual)
    assert h is x
    assert branch is residual


def test_layers_follow_their_order_and_the_first_convolution_changes_the_shape() -> None:
    sequence = layers_of("conv bn act conv bn", [6, 8], [3, 1], 2)
    assert list(dict(sequence.named_children())) == ["conv1", "bn1", "act1", "conv2", "bn2"]
    convolutions = [sequence.conv1, sequence.conv2]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding) for c in convolutions] == [
        (4, 6, (3, 3), (2, 2), (1, 1)),
        (6, 8, (1, 1), (1, 1), (0, 0)),
    ]
    assert [c.bias for c in convolutions] == [None, None]
    assert (sequence.bn1.num_features, sequence.bn2.num_features) == (6, 8)


def test_bn_before_a_convolution_has_the_maps_that_come_in() -> None:
    sequence = layers_of("bn act conv bn act conv", [6, 8], [3, 3])
    assert list(dict(sequence.named_children())) == ["bn1", "act1", "conv1", "bn2", "act2", "conv2"]
    assert (sequence.bn1.num_features, sequence.bn2.num_features) == (4, 6)


def test_layers_drop_bn_where_there_is_none_and_give_the_convolutions_a_bias() -> None:
    sequence = layers_of("conv bn act conv bn", [8, 8], [3, 3], 2, normalization="none")
    assert list(dict(sequence.named_children())) == ["conv1", "act1", "conv2"]
    assert (tuple(sequence.conv1.bias.shape), tuple(sequence.conv2.bias.shape)) == ((8,), (8,))


@pytest.mark.parametrize(("widths", "kernels"), [([8], [3, 3]), ([8, 8], [3])])
def test_layers_need_as_many_widths_as_kernels(widths: list[int], kernels: list[int]) -> None:
    with pytest.raises(ValueError, match="zip"):
        layers_of("conv conv", widths, kernels)


@pytest.mark.parametrize(
    ("unit", "stem", "shared", "branch", "projection", "after"),
    [
        ("original", "conv bn act", "", "conv bn act conv bn", "conv bn", "act"),
        ("bn_after_addition", "conv bn act", "", "conv bn act conv", "conv", "bn act"),
        ("relu_before_addition", "conv bn act", "", "conv bn act conv bn act", "conv bn", ""),
        ("relu_only_preactivation", "conv bn", "act", "act conv bn act conv bn", "conv bn", ""),
        ("full_preactivation", "conv", "bn act", "bn act conv bn act conv", "conv", ""),
    ],
)
def test_orders_are_those_of_the_second_papers_table_2(
    unit: str, stem: str, shared: str, branch: str, projection: str, after: str
) -> None:
    order = UNITS[unit]
    assert (order.stem, order.preactivation, order.branch(2)) == (stem, shared, branch)
    assert (order.projection, order.after) == (projection, after)


@pytest.mark.parametrize(
    ("activation", "values"),
    [
        ("relu", [0.0, 0.0, 2.0]),
        ("sigmoid", [0.11920292202211755, 0.5, 0.8807970779778823]),
        ("tanh", [-0.9640275800758169, 0.0, 0.9640275800758169]),
    ],
)
def test_activations_have_the_values_of_their_names(activation: str, values: list[float]) -> None:
    x = torch.tensor([-2.0, 0.0, 2.0], dtype=torch.float64)
    assert ACTIVATIONS[activation]()(x).tolist() == pytest.approx(values, rel=1e-12)
    assert isinstance(layers_of("act", [], [], activation=activation).act1, ACTIVATIONS[activation])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize(("shortcut", "option"), [("none", "A"), ("identity", "A"), ("identity", "B")])
@pytest.mark.parametrize(("w_in", "w_out", "stride"), SHAPES)
def test_a_unit_is_the_activated_sum_of_shortcut_and_branch(
    w_in: int, w_out: int, stride: int, shortcut: str, option: str, normalization: str, training: bool
) -> None:
    fields = {"shortcut": shortcut, "option": option, "normalization": normalization}
    unit = stirred_unit(w_in, w_out, stride, **fields).train(training)
    x = random(3, w_in, 8, 8)
    expected = F.conv2d(x, unit.branch.conv1.weight, unit.branch.conv1.bias, stride, padding=1)
    if normalization == "batch":
        expected = normalize(expected, unit.branch.bn1, training)
    expected = F.conv2d(expected.clamp(min=0), unit.branch.conv2.weight, unit.branch.conv2.bias, padding=1)
    if normalization == "batch":
        expected = normalize(expected, unit.branch.bn2, training)
    if shortcut == "identity" and (w_in, stride) == (w_out, 1):
        expected = expected + x
    elif shortcut == "identity" and option == "A":
        side = 8 // stride
        padded = torch.zeros(3, w_out, side, side, dtype=torch.float64)
        for row in range(side):
            for column in range(side):
                padded[:, :w_in, row, column] = x[:, :, stride * row, stride * column]
        expected = expected + padded
    elif shortcut == "identity":
        weight = unit.shortcut.h.conv1.weight[:, :, 0, 0]  # (w_out, w_in)
        projected = torch.einsum("oi,nihw->nohw", weight, x[:, :, ::stride, ::stride])
        if normalization == "batch":
            projected = normalize(projected, unit.shortcut.h.bn1, training)
        else:
            projected = projected + unit.shortcut.h.conv1.bias[:, None, None]
        expected = expected + projected
    torch.testing.assert_close(unit(x), expected.clamp(min=0), rtol=1e-9, atol=1e-9)


def test_a_plain_unit_has_no_shortcut_at_all() -> None:
    unit = stirred(unit_of(4, 8, 2, model_of(shortcut="none")))
    assert unit.shortcut is None
    assert all(name.startswith("branch.") for name in unit.state_dict())
