"""The weights a net starts from."""

import math
from collections.abc import Callable

import pytest
import torch
from straight_line import stirred
from torch import nn

from resnet_repro.assembly import build_net
from resnet_repro.models.initialization import initialize
from resnet_repro.models.network import Network, build
from resnet_repro.randomness import Stream, generator
from resnet_repro.spec import Experiment, ModelSpec

WEIGHTED = (nn.Conv2d, nn.Linear)


def net_of(seed: int = 0, **model: object) -> Network:
    return build_net(Experiment(name="net", seed=seed, model=ModelSpec(**{"depth": 8, "width": 4, **model})))


def assert_normal(weight: torch.Tensor, std: float) -> None:
    weight = weight.detach().double().flatten()
    assert weight.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * len(weight)))
    assert abs(weight.mean().item()) < 4 * std / math.sqrt(len(weight))
    beyond_two = (weight.abs() > 2 * std).double().mean().item()  # 4.55 % of a normal distribution
    assert beyond_two == pytest.approx(0.0455, abs=4 * math.sqrt(0.0455 / len(weight)))


@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_plain_and_residual_nets_start_from_identical_weights(normalization: str) -> None:
    plain = net_of(seed=3, depth=14, shortcut="none", normalization=normalization).state_dict()
    residual = net_of(seed=3, depth=14, shortcut="identity", normalization=normalization).state_dict()
    assert list(plain) == list(residual)
    assert all(torch.equal(plain[name], residual[name]) for name in plain)


def test_every_weighted_layer_starts_otherwise_under_another_seed() -> None:
    one, other = net_of(seed=3).state_dict(), net_of(seed=4).state_dict()
    weights = [name for name, tensor in one.items() if tensor.dim() > 1]
    assert len(weights) == 8
    assert not any(torch.equal(one[name], other[name]) for name in weights)


def test_bn_does_not_change_the_weights_a_seed_draws() -> None:
    with_bn, without = net_of().state_dict(), net_of(normalization="none").state_dict()
    weights = [name for name, tensor in with_bn.items() if tensor.dim() > 1]
    assert len(weights) == 8
    assert all(torch.equal(with_bn[name], without[name]) for name in weights)


def test_the_order_of_operations_does_not_change_the_weights_a_seed_draws() -> None:
    def drawn(unit: str) -> list[torch.Tensor]:
        return [parameter for parameter in net_of(unit=unit).parameters() if parameter.dim() > 1]

    original = drawn("original")
    assert len(original) == 8
    for unit in ("bn_after_addition", "relu_before_addition", "relu_only_preactivation", "full_preactivation"):
        assert all(torch.equal(*pair) for pair in zip(original, drawn(unit), strict=True))


def test_building_a_net_leaves_its_starting_weights_independent_of_torchs_global_seed() -> None:
    torch.manual_seed(1)
    one = net_of().state_dict()
    torch.manual_seed(2)
    other = net_of().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("method", "conv_std", "head_std"),
    [
        ("he", lambda w_in, w_out: math.sqrt(2 / (9 * w_out)), math.sqrt(2 / 192)),
        ("he_fan_in", lambda w_in, w_out: math.sqrt(2 / (9 * w_in)), math.sqrt(2 / 192)),
        ("xavier", lambda w_in, w_out: math.sqrt(2 / (9 * (w_in + w_out))), math.sqrt(2 / 202)),
        ("gaussian", lambda w_in, w_out: 0.03, 0.03),
    ],
)
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_weights_start_normal_with_the_methods_deviation(
    method: str, conv_std: Callable[[int, int], float], head_std: float, normalization: str
) -> None:
    fields = {"initialization_std": 0.03} if method == "gaussian" else {}
    model = ModelSpec(depth=8, shortcut="none", normalization=normalization, initialization=method, width=48, **fields)
    net = build(model, generator(0, Stream.INITIALIZATION))
    layers = [module for module in net.modules() if isinstance(module, WEIGHTED)]
    assert len(layers) == 8
    for module in layers:
        is_conv = isinstance(module, nn.Conv2d)
        assert_normal(module.weight, conv_std(module.in_channels, module.out_channels) if is_conv else head_std)
        assert module.bias is None or not module.bias.any()
        assert (module.bias is None) == (is_conv and normalization == "batch")


@pytest.mark.parametrize(
    ("method", "std"),
    [("he", math.sqrt(2 / 128)), ("he_fan_in", math.sqrt(2 / 64)), ("xavier", math.sqrt(2 / 192)), ("gaussian", 0.2)],
)
def test_projections_are_initialized_as_the_1x1_convolutions_they_are(method: str, std: float) -> None:
    fields = {"initialization_std": 0.2} if method == "gaussian" else {}
    model = ModelSpec(depth=8, option="B", width=64, initialization=method, **fields)
    weight = build(model, generator(0, Stream.INITIALIZATION)).stage2[0].shortcut.h.conv1.weight
    assert weight.shape == (128, 64, 1, 1)
    assert_normal(weight, std)


@pytest.mark.parametrize("shortcut", ["exclusive_gate", "shortcut_only_gate"])
@pytest.mark.parametrize("gate_bias", [0.0, -6.0])
def test_a_gate_starts_as_a_1x1_convolution_whose_bias_is_the_specs(shortcut: str, gate_bias: float) -> None:
    net = net_of(shortcut=shortcut, gate_bias=gate_bias, width=64)
    units = [*net.stage1, *net.stage2, *net.stage3]
    assert [tuple(unit.shortcut.gate.weight.shape) for unit in units] == [
        (64, 64, 1, 1),
        (128, 64, 1, 1),
        (256, 128, 1, 1),
    ]
    for unit in units:
        assert unit.shortcut.gate.bias.eq(gate_bias).all()
        assert_normal(unit.shortcut.gate.weight, math.sqrt(2 / len(unit.shortcut.gate.bias)))


def test_conv1x1_shortcuts_start_as_he_says_in_every_unit() -> None:
    net = net_of(shortcut="conv1x1", width=64)
    for unit, width in zip([*net.stage1, *net.stage2, *net.stage3], [64, 128, 256], strict=True):
        assert_normal(unit.shortcut.h.conv1.weight, math.sqrt(2 / width))


@pytest.mark.parametrize(
    "fields",
    [
        {"option": "B"},
        {"shortcut": "exclusive_gate", "gate_bias": -6.0},
        {"initialization": "fixup", "normalization": "none", "option": "B"},
        {"block": "bottleneck", "depth": 11, "unit": "full_preactivation"},
    ],
)
def test_initialize_overwrites_whatever_was_there(fields: dict[str, object]) -> None:
    model = ModelSpec(**{"depth": 8, "width": 4, **fields})
    fresh = net_of(**fields)
    again = stirred(net_of(seed=1, **fields)).float()
    for module in again.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked += 5
    initialize(again, model, generator(0, Stream.INITIALIZATION))
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in fresh.state_dict().items())


def test_bn_starts_as_the_identity() -> None:
    layers = [module for module in net_of().modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(layers) == 7
    for layer in layers:
        assert layer.weight.eq(1).all()
        assert layer.running_var.eq(1).all()
        assert not layer.bias.any()
        assert not layer.running_mean.any()
