"""Initial weights of a net."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from straight_line import spec_of, stirred
from torch import nn

from resnet_repro.data.batches import EvaluationBatches, Normalization
from resnet_repro.data.synthetic import load_synthetic
from resnet_repro.models.build import build
from resnet_repro.models.initialization import initialize
from resnet_repro.runner.assembly import build_net
from resnet_repro.seeding import Stream, generator
from resnet_repro.spec import Experiment

CPU = torch.device("cpu")
FIRST_LOSS = {  # of untrained residual nets, by depth; on CIFAR-10 within 0.4 of these
    20: {"he": 4.02, "uniform": 2.48},
    56: {"he": 5.15, "uniform": 3.18},
    110: {"he": 8.47, "uniform": 4.51},
}


def net_of(seed: int = 0, **model: Any) -> Any:
    return build_net(Experiment(name="net", seed=seed, model=spec_of(**{"depth": 8, "width": 4, **model})))


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


def test_another_seed_gives_every_weighted_layer_other_weights() -> None:
    one, other = net_of(seed=3).state_dict(), net_of(seed=4).state_dict()
    weights = [name for name, tensor in one.items() if tensor.dim() > 1]
    assert len(weights) == 8
    assert not any(torch.equal(one[name], other[name]) for name in weights)


def test_bn_does_not_change_the_weights_that_a_seed_draws() -> None:
    with_bn, without = net_of().state_dict(), net_of(normalization="none").state_dict()
    weights = [name for name, tensor in with_bn.items() if tensor.dim() > 1]
    assert len(weights) == 8
    assert all(torch.equal(with_bn[name], without[name]) for name in weights)


def test_the_order_of_operations_does_not_change_the_weights_that_a_seed_draws() -> None:
    def drawn(unit: str) -> list[torch.Tensor]:
        return [parameter for parameter in net_of(unit=unit).parameters() if parameter.dim() > 1]

    original = drawn("original")
    assert len(original) == 8
    for unit in ("bn_after_addition", "relu_before_addition", "relu_only_preactivation", "full_preactivation"):
        assert all(torch.equal(*pair) for pair in zip(original, drawn(unit), strict=True))


def test_torchs_global_seed_does_not_change_the_initial_weights() -> None:
    torch.manual_seed(1)
    one = net_of().state_dict()
    torch.manual_seed(2)
    other = net_of().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("method", "conv_std"),
    [
        ("he", lambda w_in, w_out: math.sqrt(2 / (9 * w_out))),
        ("he_fan_in", lambda w_in, w_out: math.sqrt(2 / (9 * w_in))),
        ("xavier", lambda w_in, w_out: math.sqrt(2 / (9 * (w_in + w_out)))),
        ("gaussian", lambda w_in, w_out: 0.03),
    ],
)
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_weights_of_convolutions_are_normal_with_the_methods_standard_deviation(
    method: str, conv_std: Callable[[int, int], float], normalization: str
) -> None:
    fields: dict[str, Any] = {"initialization_std": 0.03} if method == "gaussian" else {}
    model = spec_of(depth=8, shortcut="none", normalization=normalization, initialization=method, width=48, **fields)
    net = build(model, generator(0, Stream.INITIALIZATION))
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert len(layers) == 7
    for module in layers:
        assert_normal(module.weight, conv_std(module.in_channels, module.out_channels))
        assert module.bias is None or not module.bias.any()
        assert (module.bias is None) == (normalization == "batch")


@pytest.mark.parametrize("method", ["he", "xavier"])
def test_weights_of_the_classifier_are_uniform_as_in_the_authors_code(method: str) -> None:
    head = net_of(initialization=method, width=256).head
    bound = 1 / math.sqrt(1024)
    assert head.weight.abs().max() <= bound
    assert head.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
    assert (head.weight.abs() > 0.9 * bound).double().mean().item() == pytest.approx(0.1, abs=0.02)
    assert not head.bias.any()


@pytest.mark.parametrize(("method", "std"), [("he", math.sqrt(2 / 1024)), ("gaussian", 0.25)])
def test_weights_of_the_classifier_may_be_normal(method: str, std: float) -> None:
    fields: dict[str, Any] = {"classifier_initialization_std": std} if method == "gaussian" else {}
    head = net_of(classifier_initialization=method, width=256, **fields).head
    assert_normal(head.weight, std)
    assert not head.bias.any()


def test_fixups_classifier_is_zero_by_default() -> None:
    fixup: dict[str, Any] = {"normalization": "none", "initialization": "fixup"}
    assert not net_of(**fixup).head.weight.any()
    assert net_of(**fixup, classifier_initialization="uniform").head.weight.all()


def test_the_classifiers_initialisation_does_not_change_the_convolutions() -> None:
    ours, theirs = net_of().state_dict(), net_of(classifier_initialization="he").state_dict()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == ["head.weight"]


@pytest.mark.parametrize("depth", [20, 56, 110])
def test_the_classifiers_initialisation_decides_the_first_loss_of_deep_residual_nets(depth: int) -> None:
    """Chance is ln 10 = 2.30. With He's classifier, as in many reproductions, the loss grows with depth."""
    split = load_synthetic(Path(), 256, 10).train
    images, labels = next(iter(EvaluationBatches(split, Normalization(split, CPU), CPU)))
    net = net_of(depth=depth, width=16).train()
    features: list[torch.Tensor] = []
    net.head.register_forward_pre_hook(lambda _module, inputs: features.extend(inputs))
    with torch.no_grad():
        net(images)
        for method, expected in FIRST_LOSS[depth].items():  # the convolutions are the same for all
            head = net_of(depth=depth, width=16, classifier_initialization=method).head
            loss = F.cross_entropy(head(features[0]), labels).item()
            assert loss == pytest.approx(expected, rel=0.02), method


@pytest.mark.parametrize(
    ("method", "std"),
    [("he", math.sqrt(2 / 128)), ("he_fan_in", math.sqrt(2 / 64)), ("xavier", math.sqrt(2 / 192)), ("gaussian", 0.2)],
)
def test_projections_are_initialised_as_1x1_convolutions(method: str, std: float) -> None:
    fields: dict[str, Any] = {"initialization_std": 0.2} if method == "gaussian" else {}
    model = spec_of(depth=8, option="B", width=64, initialization=method, **fields)
    net: Any = build(model, generator(0, Stream.INITIALIZATION))
    weight = net.stage2[0].shortcut.h.conv1.weight
    assert weight.shape == (128, 64, 1, 1)
    assert_normal(weight, std)


@pytest.mark.parametrize("shortcut", ["exclusive_gate", "shortcut_only_gate"])
@pytest.mark.parametrize("gate_bias", [0.0, -6.0])
def test_a_gate_is_initialised_as_a_1x1_convolution_with_the_specs_bias(shortcut: str, gate_bias: float) -> None:
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


def test_conv1x1_shortcuts_have_hes_initialisation_in_every_unit() -> None:
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
def test_initialize_overwrites_all_weights_and_statistics(fields: dict[str, Any]) -> None:
    model = spec_of(**{"depth": 8, "width": 4, **fields})
    fresh = net_of(**fields)
    again = stirred(net_of(seed=1, **fields)).float()
    for module in again.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.num_batches_tracked is not None
            module.num_batches_tracked.add_(5)
    initialize(again, model, generator(0, Stream.INITIALIZATION))
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in fresh.state_dict().items())


def test_bn_is_initially_the_identity() -> None:
    layers: list[Any] = [module for module in net_of().modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(layers) == 7
    for layer in layers:
        assert layer.weight.eq(1).all()
        assert layer.running_var.eq(1).all()
        assert not layer.bias.any()
        assert not layer.running_mean.any()
