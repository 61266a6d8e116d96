"""Whole nets: sizes, parameters, starting weights, and values against a straight-line reference in float64."""

import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.models.initialization import INITIALIZATIONS, initialize
from resnet_repro.models.network import Network, build
from resnet_repro.models.shortcuts import SHORTCUTS
from resnet_repro.models.units import ACTIVATIONS, UNITS
from resnet_repro.randomness import Stream, generator
from resnet_repro.runner import build_net
from resnet_repro.spec import Experiment, ModelSpec

VARIANTS = [("none", "A"), ("identity", "A"), ("identity", "B")]  # shortcut and option: plain, residual A, residual B
WEIGHTED = (nn.Conv2d, nn.Linear)


def on_meta(depth: int, shortcut: str = "identity", option: str = "A", normalization: str = "batch") -> Network:
    with torch.device("meta"):
        return Network(depth, shortcut=shortcut, option=option, normalization=normalization)


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def net_of(seed: int = 0, **model: object) -> Network:
    return build_net(Experiment(name="net", seed=seed, model=ModelSpec(**{"depth": 8, "width": 4, **model})))


def stirred(net: nn.Module, seed: int = 0) -> nn.Module:
    """The net in float64 with all its parameters and statistics random, so that each of them matters."""
    random = torch.Generator().manual_seed(seed)
    net.double()
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=random))
        elif tensor.is_floating_point():
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=random) + (tensor.dim() == 1))
    return net


@pytest.mark.parametrize("shortcut", ["none", "identity"])
@pytest.mark.parametrize(
    ("depth", "count"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962), (1202, 19_421_274)],
)
def test_plain_and_residual_nets_have_the_papers_parameters(depth: int, count: int, shortcut: str) -> None:
    assert parameters(on_meta(depth, shortcut)) == count


def test_projections_add_their_parameters() -> None:
    assert parameters(on_meta(56, "identity", "B")) == 855_770


@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
@pytest.mark.parametrize("depth", [8, 14, 20, 56, 110])
def test_depth_counts_the_weighted_layers_outside_the_shortcuts(depth: int, shortcut: str, option: str) -> None:
    modules = on_meta(depth, shortcut, option).named_modules()
    assert sum(isinstance(module, WEIGHTED) for name, module in modules if ".shortcut" not in name) == depth


def test_only_option_b_has_layers_in_its_shortcuts_and_only_where_the_shape_changes() -> None:
    def projections(shortcut: str, option: str) -> list[str]:
        modules = on_meta(20, shortcut, option).named_modules()
        return [name for name, module in modules if isinstance(module, nn.Conv2d) and ".shortcut" in name]

    assert projections("none", "A") == projections("identity", "A") == []
    assert projections("identity", "B") == ["stage2.0.shortcut.conv", "stage3.0.shortcut.conv"]


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


def test_building_a_net_leaves_its_starting_weights_independent_of_torchs_global_seed() -> None:
    torch.manual_seed(1)
    one = net_of().state_dict()
    torch.manual_seed(2)
    other = net_of().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
def test_parameters_are_registered_in_forward_order(shortcut: str, option: str, normalization: str) -> None:
    net = Network(14, shortcut=shortcut, option=option, normalization=normalization, width=2)
    registered = [module for module in net.modules() if isinstance(module, (*WEIGHTED, nn.BatchNorm2d))]
    called: list[nn.Module] = []
    for module in registered:
        module.register_forward_hook(lambda module, _inputs, _output: called.append(module))
    net(torch.zeros(2, 3, 32, 32))
    assert called == registered


@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
def test_stages_halve_the_maps_and_double_their_number(shortcut: str, option: str) -> None:
    net = Network(8, shortcut=shortcut, option=option)
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda _module, _inputs, output: shapes.update({name: tuple(output.shape)}))

    for name, module in net.named_children():
        note(name, module)
    net(torch.zeros(2, 3, 32, 32))
    assert shapes == {
        "stem": (2, 16, 32, 32),
        "stage1": (2, 16, 32, 32),
        "stage2": (2, 32, 16, 16),
        "stage3": (2, 64, 8, 8),
        "head": (2, 10),
    }


def test_without_bn_the_convolutions_have_a_bias_and_no_bn_exists() -> None:
    modules = list(on_meta(20, "identity", "B", "none").modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in modules)
    assert all(module.bias is not None for module in modules if isinstance(module, nn.Conv2d))


def test_with_bn_each_convolution_has_one_after_it_and_no_bias() -> None:
    modules = list(on_meta(20, "identity", "B").modules())
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 19 + 2
    assert sum(isinstance(module, nn.BatchNorm2d) for module in modules) == len(convolutions)
    assert all(module.bias is None for module in convolutions)


def conv(x: Tensor, state: dict[str, Tensor], name: str, stride: int) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state.get(f"{name}.bias"), stride, padding=weight.shape[-1] // 2)


def bn(x: Tensor, state: dict[str, Tensor], name: str, training: bool) -> Tensor:
    if f"{name}.weight" not in state:
        return x
    if training:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    else:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    mean, scale, shift = (
        part[:, None, None]
        for part in (mean, state[f"{name}.weight"] / (variance + 1e-5).sqrt(), state[f"{name}.bias"])
    )
    return (x - mean) * scale + shift


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
def test_a_net_computes_what_the_paper_says(shortcut: str, option: str, normalization: str, training: bool) -> None:
    net = stirred(Network(14, shortcut=shortcut, option=option, normalization=normalization, width=3)).train(training)
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    images = torch.randn(5, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    x = F.relu(bn(conv(images, state, "stem.conv1", 1), state, "stem.bn1", training))
    for stage, unit in [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]:
        name, stride = f"stage{stage}.{unit}", 2 if stage > 1 and unit == 0 else 1
        y = F.relu(bn(conv(x, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn1", training))
        y = bn(conv(y, state, f"{name}.branch.conv2", 1), state, f"{name}.branch.bn2", training)
        if shortcut == "identity" and stride == 1:
            y = y + x
        elif shortcut == "identity" and option == "A":
            y[:, : x.shape[1]] += x[:, :, ::2, ::2]
        elif shortcut == "identity":
            y = y + bn(conv(x, state, f"{name}.shortcut.conv", 2), state, f"{name}.shortcut.bn", training)
        x = F.relu(y)
    expected = x.sum((2, 3)) / 64 @ state["head.weight"].T + state["head.bias"]

    torch.testing.assert_close(net(images), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "conv_std", "head_std"),
    [
        ("he", lambda w_in, w_out: math.sqrt(2 / (9 * w_out)), math.sqrt(2 / 192)),
        ("he_fan_in", lambda w_in, w_out: math.sqrt(2 / (9 * w_in)), math.sqrt(2 / 192)),
        ("xavier", lambda w_in, w_out: math.sqrt(2 / (9 * (w_in + w_out))), math.sqrt(2 / 202)),
    ],
)
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_weights_start_normal_with_the_methods_deviation(
    method: str, conv_std: Callable[[int, int], float], head_std: float, normalization: str
) -> None:
    net = build(8, "original", "none", "A", normalization, "relu", method, 48, generator(0, Stream.INITIALIZATION))
    for module in net.modules():
        if not isinstance(module, WEIGHTED):
            continue
        weight = module.weight.detach().double().flatten()
        std = conv_std(module.in_channels, module.out_channels) if isinstance(module, nn.Conv2d) else head_std
        assert weight.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * len(weight)))
        assert abs(weight.mean().item()) < 4 * std / math.sqrt(len(weight))
        beyond_two = (weight.abs() > 2 * std).double().mean().item()  # 4.55 % of a normal distribution
        assert beyond_two == pytest.approx(0.0455, abs=4 * math.sqrt(0.0455 / len(weight)))
        assert module.bias is None or not module.bias.any()
    assert net.head.bias is not None


def test_projections_are_initialized_as_the_1x1_convolutions_they_are() -> None:
    net = build(8, "original", "identity", "B", "batch", "relu", "he", 64, generator(0, Stream.INITIALIZATION))
    weight = net.stage2[0].shortcut.conv.weight  # (128, 64, 1, 1)
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 128), rel=4 / math.sqrt(2 * weight.numel()))


def test_initialize_overwrites_whatever_was_there() -> None:
    fresh = net_of(option="B")
    again = stirred(net_of(option="B", seed=1)).float()
    for module in again.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked += 5
    initialize(again, "he", generator(0, Stream.INITIALIZATION))
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in fresh.state_dict().items())


def test_bn_starts_as_the_identity() -> None:
    layers = [module for module in net_of().modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(layers) == 7
    for layer in layers:
        assert layer.weight.eq(1).all()
        assert layer.running_var.eq(1).all()
        assert not layer.bias.any()
        assert not layer.running_mean.any()


@pytest.mark.parametrize(
    ("field", "table"),
    [
        ("unit", UNITS),
        ("shortcut", SHORTCUTS),
        ("activation", ACTIVATIONS),
        ("initialization", INITIALIZATIONS),
    ],
)
def test_the_spec_allows_exactly_what_the_table_holds(field: str, table: dict[str, object]) -> None:
    assert set(get_args(ModelSpec.model_fields[field].annotation)) == set(table)
