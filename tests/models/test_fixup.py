"""Fixup (Zhang et al. 2019): residual nets without BN whose branches are zero at first, and still learn."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from straight_line import CONVOLUTIONS, SMALLEST, random, spec_of
from torch import Tensor, nn

from resnet_repro.models.build import build, unit_of
from resnet_repro.models.layers import ACTIVATIONS, ScalarBias, ScalarMultiplier
from resnet_repro.models.units import Unit
from resnet_repro.seeding import Stream, generator
from resnet_repro.spec import ModelSpec

ORDERS = ["original", "relu_only_preactivation", "full_preactivation"]
BLOCKS = ["basic", "bottleneck"]
ACTS = tuple(ACTIVATIONS.values())


def model_of(block: str = "basic", units: int = 1, **fields: Any) -> ModelSpec:
    depth = units * (SMALLEST[block] - 2) + 2
    return spec_of(depth=depth, block=block, normalization="none", initialization="fixup", **{"width": 4, **fields})


def net_of(block: str = "basic", units: int = 1, **fields: Any) -> Any:
    return build(model_of(block, units, **fields), generator(0, Stream.INITIALIZATION))


def units_of(net: nn.Module) -> list[Unit]:
    return [module for module in net.modules() if isinstance(module, Unit)]


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", BLOCKS)
def test_initially_every_branch_and_every_logit_is_zero(block: str, order: str, option: str) -> None:
    net = net_of(block, units=2, unit=order, option=option)
    outputs: list[Tensor] = []
    for unit in units_of(net):
        unit.branch.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    logits = net(random(2, 3, 32, 32).float())
    assert len(outputs) == 6
    assert not any(output.any() for output in outputs)
    assert logits.shape == (2, 10)
    assert not logits.any()


def test_initially_only_the_shortcuts_carry_the_signal() -> None:
    net = net_of(units=3)
    images = random(2, 3, 32, 32).float()
    stem = F.relu(F.conv2d(images, net.stem.conv1.weight, padding=1))
    torch.testing.assert_close(net.stage1(net.stem(images)), stem)
    x = net.end(net.stage3(net.stage2(stem)))
    torch.testing.assert_close(x[:, :4], stem[:, :, ::4, ::4])
    assert not x[:, 4:].any()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("block", "exponent"), [("basic", -1 / 2), ("bottleneck", -1 / 4)])
@pytest.mark.parametrize("units", [1, 4])
def test_the_first_layers_of_a_branch_shrink_with_the_number_of_branches_and_the_last_is_zero(
    block: str, exponent: float, units: int, order: str
) -> None:
    net = net_of(block, units, unit=order, width=32)
    branches = [unit.branch for unit in units_of(net)]
    assert len(branches) == 3 * units
    for branch in branches:
        *others, last = convolutions(branch)
        assert len(others) == CONVOLUTIONS[block] - 1
        assert not last.weight.any()
        for layer in others:
            he = math.sqrt(2 / (layer.out_channels * layer.kernel_size[0] ** 2))
            expected = he * (3 * units) ** exponent  # L^(-1/(2m-2)) with L branches of m layers
            count = layer.weight.numel()
            assert layer.weight.std().item() == pytest.approx(expected, rel=4 / math.sqrt(2 * count))


def test_the_stem_and_the_projections_have_hes_initialisation_and_the_classifier_is_zero() -> None:
    net = net_of(option="B", width=64)
    for layer, fan_out in [
        (net.stem.conv1, 9 * 64),
        (net.stage2[0].shortcut.h.conv1, 128),
        (net.stage3[0].shortcut.h.conv1, 256),
    ]:
        std = math.sqrt(2 / fan_out)
        assert layer.weight.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * layer.weight.numel()))
    assert not net.head.weight.any()
    assert not net.head.bias.any()


@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", BLOCKS)
def test_a_scalar_bias_stands_before_each_convolution_activation_and_the_classifier(
    block: str, order: str, option: str
) -> None:
    net = net_of(block, units=2, unit=order, option=option)
    biased = 0
    for chain in net.modules():
        if isinstance(chain, nn.Sequential):
            operations = [module for module in chain if not isinstance(module, Unit)]
            for before, module in zip([None, *operations], operations, strict=False):
                if isinstance(module, (nn.Conv2d, *ACTS)):
                    assert isinstance(before, ScalarBias)
                    biased += 1
    assert isinstance(list(net.end)[-1], ScalarBias)
    biases = [module for module in net.modules() if isinstance(module, ScalarBias)]
    assert len(biases) == biased + 1
    assert biased == sum(isinstance(module, (nn.Conv2d, *ACTS)) for module in net.modules())
    assert all(module.bias.tolist() == [0.0] for module in biases)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", BLOCKS)
def test_each_branch_ends_with_one_multiplier_and_no_convolution_has_a_bias(block: str, order: str) -> None:
    net = net_of(block, units=2, unit=order, option="B")
    multipliers = [module for module in net.modules() if isinstance(module, ScalarMultiplier)]
    assert multipliers == [list(unit.branch)[-1] for unit in units_of(net)]
    assert all(module.multiplier.tolist() == [1.0] for module in multipliers)
    assert all(layer.bias is None for layer in convolutions(net))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    scalars = [parameter for parameter in net.parameters() if parameter.numel() == 1]
    others = [parameter for parameter in net.parameters() if parameter.numel() > 1]
    assert len(others) == len(convolutions(net)) + 2
    assert len(scalars) == len([m for m in net.modules() if isinstance(m, (ScalarBias, ScalarMultiplier))])


def test_the_scalars_shift_and_scale_every_value() -> None:
    x, shift, scale = random(2, 3, 4, 4), ScalarBias().double(), ScalarMultiplier().double()
    shift.bias.data.fill_(0.3)
    scale.multiplier.data.fill_(-1.7)
    torch.testing.assert_close(shift(x), x + 0.3, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(scale(x), -1.7 * x, rtol=1e-12, atol=1e-12)
    assert shift(x.bfloat16()).dtype == scale(x.bfloat16()).dtype == torch.bfloat16


def test_a_unit_computes_what_fixup_says() -> None:
    unit: Any = unit_of(3, 3, 1, model_of(width=3)).double()
    random_numbers = torch.Generator().manual_seed(0)
    for parameter in unit.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=random_numbers))
    x, branch = random(2, 3, 6, 6), unit.branch
    y = F.conv2d(x + branch.bias1.bias, branch.conv1.weight, padding=1)
    y = (y + branch.bias2.bias).clamp(min=0)
    y = F.conv2d(y + branch.bias3.bias, branch.conv2.weight, padding=1) * branch.multiplier1.multiplier
    expected = (x + y + unit.after.bias1.bias).clamp(min=0)
    torch.testing.assert_close(unit(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", BLOCKS)
def test_after_the_classifiers_first_update_the_last_layer_of_every_branch_learns(
    block: str, order: str, option: str, activation: str
) -> None:
    net = net_of(block, units=2, unit=order, option=option, activation=activation).double()
    images, labels = random(6, 3, 16, 16), torch.arange(6)
    F.cross_entropy(net(images), labels).backward()
    assert net.head.weight.grad.any()  # it learns first: while it is zero, no gradient reaches the other layers
    net.head.weight.data.sub_(net.head.weight.grad)
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    for unit in units_of(net):
        gradient = convolutions(unit.branch)[-1].weight.grad
        assert gradient is not None
        assert gradient.norm() > 1e-9
