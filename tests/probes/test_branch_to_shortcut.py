"""The ratio of branch to shortcut: norms of the two added terms, for each kind of shortcut written out."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from small_nets import State, bn, conv, found_by, images_and_labels, padded, small_net, state_of
from torch import Tensor

Terms = Callable[[Tensor, Tensor, State, str, int], tuple[Tensor, Tensor]]  # x, F(x), state, unit, stride -> h, F


def identity(x: Tensor, branch: Tensor, state: State, name: str, stride: int) -> tuple[Tensor, Tensor]:
    return padded(x, stride), branch


def scaled(x: Tensor, branch: Tensor, state: State, name: str, stride: int) -> tuple[Tensor, Tensor]:
    return 0.5 * padded(x, stride), 0.25 * branch


def gate(x: Tensor, state: State, name: str, stride: int) -> Tensor:
    return 1 / (1 + torch.exp(-conv(x, state, f"{name}.shortcut.gate", stride)))


def exclusive_gate(x: Tensor, branch: Tensor, state: State, name: str, stride: int) -> tuple[Tensor, Tensor]:
    g = gate(x, state, name, stride)
    return (1 - g) * padded(x, stride), g * branch


def shortcut_only_gate(x: Tensor, branch: Tensor, state: State, name: str, stride: int) -> tuple[Tensor, Tensor]:
    return (1 - gate(x, state, name, stride)) * padded(x, stride), branch


def conv1x1(x: Tensor, branch: Tensor, state: State, name: str, stride: int) -> tuple[Tensor, Tensor]:
    return bn(conv(x, state, f"{name}.shortcut.h.conv1", stride), state, f"{name}.shortcut.h.bn1"), branch


@pytest.mark.parametrize(
    ("model", "terms"),
    [
        ({}, identity),
        ({"shortcut": "scaled", "shortcut_scale": 0.5, "branch_scale": 0.25}, scaled),
        ({"shortcut": "exclusive_gate", "gate_bias": -1.0}, exclusive_gate),
        ({"shortcut": "shortcut_only_gate", "gate_bias": -1.0}, shortcut_only_gate),
        ({"shortcut": "conv1x1"}, conv1x1),
        ({"shortcut": "dropout", "shortcut_dropout": 0.5}, identity),  # no dropout in evaluation
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_the_ratio_is_that_of_the_added_terms(model: dict[str, object], terms: Terms) -> None:
    net = small_net(**model)
    state = state_of(net)
    x = F.relu(bn(conv(images_and_labels()[0], state, "stem.conv1"), state, "stem.bn1"))
    expected = {}
    for stage, stride in ((1, 1), (2, 2), (3, 2)):
        name = f"stage{stage}.0"
        y = F.relu(bn(conv(x, state, f"{name}.branch.conv1", stride), state, f"{name}.branch.bn1"))
        y = bn(conv(y, state, f"{name}.branch.conv2"), state, f"{name}.branch.bn2")
        h, residual = terms(x, y, state, name, stride)
        norms = [term.double().square().sum().sqrt() for term in (h, residual)]
        expected[name, "ratio"] = (norms[1] / norms[0]).item()
        x = F.relu(h + residual)
    found = found_by("branch_to_shortcut", net)
    assert list(found) == list(expected)
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_scaling_one_term_scales_the_first_ratio(scale: float) -> None:
    def first(shortcut_scale: float, branch_scale: float) -> float:
        net = small_net(shortcut="scaled", shortcut_scale=shortcut_scale, branch_scale=branch_scale)
        return found_by("branch_to_shortcut", net)["stage1.0", "ratio"]

    assert first(scale, 1.0) == pytest.approx(first(1.0, 1.0) / scale, rel=1e-5)
    assert first(1.0, scale) == pytest.approx(first(1.0, 1.0) * scale, rel=1e-5)


def test_every_unit_has_one_ratio() -> None:
    found = found_by("branch_to_shortcut", small_net(depth=14))
    assert list(found) == [(f"stage{stage}.{unit}", "ratio") for stage in (1, 2, 3) for unit in (0, 1)]


def test_a_plain_net_has_no_ratio() -> None:
    assert found_by("branch_to_shortcut", small_net(shortcut="none")) == {}


def test_a_shortcut_that_carries_nothing_has_no_ratio() -> None:
    assert found_by("branch_to_shortcut", small_net(shortcut="scaled", shortcut_scale=0.0, branch_scale=1.0)) == {}
