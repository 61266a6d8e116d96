"""Single units and shortcuts: values against straight-line arithmetic in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.models.shortcuts import SHORTCUTS, Projection, SubsampleAndPad
from resnet_repro.models.units import Unit, layers

SHAPES = [(4, 4, 1), (4, 8, 2), (3, 5, 1)]  # w_in, w_out, stride


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def unit_of(w_in: int, w_out: int, stride: int, shortcut: str, option: str, normalization: str) -> Unit:
    """A unit in float64 whose BN has weights and statistics other than the identity's."""
    unit = Unit(w_in, w_out, stride, "original", shortcut, option, normalization, "relu").double()
    generator = torch.Generator().manual_seed(0)
    for module in unit.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                tensor.copy_(0.5 + torch.rand(w_out, generator=generator))
    return unit


def normalize(x: Tensor, layer: nn.BatchNorm2d, training: bool) -> Tensor:
    mean = x.mean((0, 2, 3)) if training else layer.running_mean.clone()
    variance = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3)) if training else layer.running_var.clone()
    scaled = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
    return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]


def test_option_a_owns_no_parameters() -> None:
    assert not SubsampleAndPad(16, 32, 2).state_dict()


def test_option_a_takes_every_second_pixel_and_appends_zero_maps() -> None:
    x = torch.arange(2 * 2 * 4 * 4).reshape(2, 2, 4, 4).float()
    y = SubsampleAndPad(2, 4, 2)(x)
    assert y.shape == (2, 4, 2, 2)
    assert y[0, 0].tolist() == [[0, 2], [8, 10]]
    assert y[1, 1].tolist() == [[48, 50], [56, 58]]
    assert not y[:, 2:].any()


def test_option_b_is_a_1x1_convolution_with_bn_after_it() -> None:
    projection = Projection(16, 32, 2, "batch")
    assert [tuple(parameter.shape) for parameter in projection.parameters()] == [(32, 16, 1, 1), (32,), (32,)]
    assert [type(module) for module in projection] == [nn.Conv2d, nn.BatchNorm2d]
    assert projection(torch.zeros(2, 16, 8, 8)).shape == (2, 32, 4, 4)


def test_option_b_without_bn_is_a_1x1_convolution_with_bias() -> None:
    projection = Projection(16, 32, 2, "none")
    assert [tuple(parameter.shape) for parameter in projection.parameters()] == [(32, 16, 1, 1), (32,)]


@pytest.mark.parametrize("option", ["A", "B"])
def test_the_shortcut_is_the_input_itself_where_the_shape_stays(option: str) -> None:
    x = random(1, 4, 8, 8)
    assert SHORTCUTS["identity"](4, 4, 1, option, "batch")(x) is x


def test_layers_follow_their_order_and_the_first_convolution_changes_the_shape() -> None:
    sequence = layers("conv bn act conv bn", 4, 8, 2, "batch", "relu")
    assert list(dict(sequence.named_children())) == ["conv1", "bn1", "act1", "conv2", "bn2"]
    assert [(c.in_channels, c.out_channels, c.stride) for c in (sequence.conv1, sequence.conv2)] == [
        (4, 8, (2, 2)),
        (8, 8, (1, 1)),
    ]


def test_layers_drop_bn_where_there_is_none() -> None:
    sequence = layers("conv bn act conv bn", 4, 8, 2, "none", "relu")
    assert list(dict(sequence.named_children())) == ["conv1", "act1", "conv2"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize(("shortcut", "option"), [("none", "A"), ("identity", "A"), ("identity", "B")])
@pytest.mark.parametrize(("w_in", "w_out", "stride"), SHAPES)
def test_a_unit_is_the_activated_sum_of_shortcut_and_branch(
    w_in: int, w_out: int, stride: int, shortcut: str, option: str, normalization: str, training: bool
) -> None:
    unit = unit_of(w_in, w_out, stride, shortcut, option, normalization).train(training)
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
        weight = unit.shortcut.conv.weight[:, :, 0, 0]  # (w_out, w_in)
        projected = torch.einsum("oi,nihw->nohw", weight, x[:, :, ::stride, ::stride])
        if normalization == "batch":
            projected = normalize(projected, unit.shortcut.bn, training)
        else:
            projected = projected + unit.shortcut.conv.bias[:, None, None]
        expected = expected + projected
    torch.testing.assert_close(unit(x), expected.clamp(min=0), rtol=1e-9, atol=1e-9)
