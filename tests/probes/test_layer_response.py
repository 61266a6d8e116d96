"""Layer responses against the papers' units, written out operation by operation."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from small_nets import State, Unit, bn, conv, found_by, images_and_labels, padded, small_net, state_of
from torch import Tensor

UNITS = [("stage1.0", 1), ("stage2.0", 2), ("stage3.0", 2)]  # of a net of 8 layers, with their strides


def original(x: Tensor, state: State, name: str, stride: int) -> Unit:
    first = bn(conv(x, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn1")
    second = bn(conv(F.relu(first), state, f"{name}.branch.conv2"), state, f"{name}.branch.bn2")
    return Unit({"conv1": first, "conv2": second}, second, F.relu(padded(x, stride) + second))


def plain(x: Tensor, state: State, name: str, stride: int) -> Unit:
    unit = original(x, state, name, stride)
    return unit._replace(output=F.relu(unit.branch))


def bn_after_addition(x: Tensor, state: State, name: str, stride: int) -> Unit:
    first = bn(conv(x, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn1")
    second = conv(F.relu(first), state, f"{name}.branch.conv2")
    output = F.relu(bn(padded(x, stride) + second, state, f"{name}.after.bn1"))
    return Unit({"conv1": first, "conv2": second}, second, output)


def relu_before_addition(x: Tensor, state: State, name: str, stride: int) -> Unit:
    unit = original(x, state, name, stride)
    return unit._replace(output=padded(x, stride) + F.relu(unit.branch))


def relu_only_preactivation(x: Tensor, state: State, name: str, stride: int) -> Unit:
    activated = F.relu(x)
    x = activated if name == "stage1.0" else x  # the first unit activates before the paths part
    first = bn(conv(activated, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn1")
    second = bn(conv(F.relu(first), state, f"{name}.branch.conv2"), state, f"{name}.branch.bn2")
    return Unit({"conv1": first, "conv2": second}, second, padded(x, stride) + second)


def full_preactivation(x: Tensor, state: State, name: str, stride: int) -> Unit:
    if name == "stage1.0":  # activates before the paths part
        x = F.relu(bn(x, state, f"{name}.before.bn1"))
        first = bn(conv(x, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn1")
    else:
        activated = F.relu(bn(x, state, f"{name}.branch.bn1"))
        first = bn(conv(activated, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn2")
    second = conv(F.relu(first), state, f"{name}.branch.conv2")
    return Unit({"conv1": first, "conv2": second}, second, padded(x, stride) + second)


def without_bn(x: Tensor, state: State, name: str, stride: int) -> Unit:
    first = conv(x, state, f"{name}.branch.conv1", stride)
    second = conv(F.relu(first), state, f"{name}.branch.conv2")
    return Unit({"conv1": first, "conv2": second}, second, F.relu(padded(x, stride) + second))


CASES: list[tuple[dict[str, object], Callable[[Tensor, State, str, int], Unit]]] = [
    ({}, original),
    ({"dropout": 0.5}, original),  # no dropout in evaluation
    ({"shortcut": "none"}, plain),
    ({"unit": "bn_after_addition"}, bn_after_addition),
    ({"unit": "relu_before_addition"}, relu_before_addition),
    ({"unit": "relu_only_preactivation"}, relu_only_preactivation),
    ({"unit": "full_preactivation"}, full_preactivation),
    ({"normalization": "none"}, without_bn),
]


@pytest.mark.parametrize(("model", "unit"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_a_layers_response_is_its_deviation_after_the_bn_behind_it(
    model: dict[str, object], unit: Callable[[Tensor, State, str, int], Unit]
) -> None:
    net = small_net(**model)
    state = state_of(net)
    x = conv(images_and_labels()[0], state, "stem.conv1")
    x = bn(x, state, "stem.bn1") if "stem.bn1.weight" in state else x
    expected = {("stem.conv1", "std"): x.double().std().item()}
    x = x if "preactivation" in str(model.get("unit")) else F.relu(x)
    for name, stride in UNITS:
        written_out = unit(x, state, name, stride)
        for layer, response in written_out.convolved.items():
            values = response.double().flatten()
            deviation = ((values - values.mean()) ** 2).sum().div(len(values) - 1).sqrt()
            expected[f"{name}.branch.{layer}", "std"] = deviation.item()
        x = written_out.output
    found = found_by("layer_response", net)
    assert list(found) == list(expected)
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-4)
    assert len(set(found.values())) == 7


def test_a_map_that_bn_scales_by_three_responds_with_three() -> None:
    net = small_net()
    with torch.no_grad():
        net.stem.bn1.weight.fill_(3.0)
        net.stem.bn1.bias.fill_(0.7)
    assert found_by("layer_response", net)["stem.conv1", "std"] == pytest.approx(3.0, rel=1e-3)
    with torch.no_grad():
        net.stem.bn1.bias.copy_(torch.tensor([-4.0, 4.0]))  # two maps of variance 9 about means 8 apart
    assert found_by("layer_response", net)["stem.conv1", "std"] == pytest.approx(5.0, rel=1e-3)


@pytest.mark.parametrize("shortcut", ["identity", "conv1x1"])
def test_layers_on_shortcuts_are_left_out(shortcut: str) -> None:
    net = small_net(depth=11, block="bottleneck", option="B", shortcut=shortcut)
    assert any(".shortcut." in name for name in net.state_dict())
    assert [layer for layer, _ in found_by("layer_response", net)] == [
        "stem.conv1",
        *(f"stage{stage}.0.branch.conv{layer}" for stage in (1, 2, 3) for layer in (1, 2, 3)),
    ]


def test_gates_are_left_out() -> None:
    found = found_by("layer_response", small_net(shortcut="exclusive_gate", gate_bias=-1.0))
    assert len(found) == 7
    assert not any("gate" in layer for layer, _ in found)
