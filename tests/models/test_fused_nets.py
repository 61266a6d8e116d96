"""Nets whose BN, additions and ReLUs run as one operation give the numbers of the separate operations."""

import copy
from typing import Any

import pytest
import torch
from fused_maps import DEVICE, maps
from straight_line import spec_of
from torch import Tensor
from torch.utils._pytree import tree_leaves

pytest.importorskip("triton", reason="the fused kernels need Triton, which comes with torch's builds for CUDA")

from resnet_repro.models import fused_batch_norm as module
from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.build import build
from resnet_repro.models.fused_batch_norm import fused_batch_norm
from resnet_repro.models.network import Network
from resnet_repro.models.units import UNITS

NETS: dict[str, dict[str, Any]] = {
    **{unit: {"unit": unit} for unit in UNITS},
    "plain": {"shortcut": "none"},
    "option B": {"option": "B"},
    "projections": {"shortcut": "conv1x1"},
    "scaled": {"shortcut": "scaled", "shortcut_scale": 0.5, "branch_scale": 0.5},
    "gates": {"shortcut": "exclusive_gate", "gate_bias": -1.0},
    "bottlenecks": {"depth": 11, "block": "bottleneck"},
    "sigmoid": {"activation": "sigmoid"},
    "recompute": {},
}


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> list[tuple[BatchNorm2d, bool, bool]]:
    """The layers that ran as fused operations, in order, and whether these had an addition and a ReLU."""
    calls: list[tuple[BatchNorm2d, bool, bool]] = []

    def noted(x: Tensor, layer: BatchNorm2d, addend: Tensor | None = None, relu: bool = False) -> Tensor:
        calls.append((layer, addend is not None, relu))
        return fused_batch_norm(x, layer, addend, relu)

    monkeypatch.setattr(module, "fused_batch_norm", noted)
    return calls


def nets_of(**fields: Any) -> tuple[Network, Network]:
    """Two equal nets in training mode, of which the second has fused kernels."""
    net = build(spec_of(**{"depth": 8, "width": 4, **fields}), torch.Generator().manual_seed(0))
    net = net.to(DEVICE, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch's stub lacks it
    other = copy.deepcopy(net)
    assert other.fuse()
    return net, other


def all_of(net: Network, x: Tensor) -> dict[str, Tensor]:
    output = net(x)
    output.square().sum().backward()
    gradients = {f"gradient of {name}": p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {"output": output.detach(), **gradients, **net.state_dict()}


@pytest.mark.parametrize("kind", NETS)
def test_a_net_gives_the_same_numbers_with_fused_kernels(
    kind: str, fused: list[tuple[BatchNorm2d, bool, bool]]
) -> None:
    net, other = nets_of(**NETS[kind])
    if kind == "recompute":
        other.recompute()
    assert list(net.state_dict()) == list(other.state_dict())
    expected, ours = (all_of(each, maps((3, 3, 8, 8), 0)) for each in (net, other))
    assert {layer for layer, _, _ in fused} == {m for m in other.modules() if isinstance(m, BatchNorm2d)}
    for name, tensor in expected.items():
        assert torch.allclose(ours[name], tensor, rtol=2e-3, atol=2e-4), name


@pytest.mark.parametrize(
    ("fields", "additions", "relus"),
    [
        ({}, 3, 7),  # every ReLU follows BN, or an addition after BN
        ({"shortcut": "none"}, 0, 7),
        ({"unit": "bn_after_addition"}, 0, 7),
        ({"unit": "relu_before_addition"}, 0, 7),
        ({"unit": "relu_only_preactivation"}, 3, 3),
        ({"unit": "full_preactivation"}, 0, 7),
        ({"shortcut": "scaled", "shortcut_scale": 0.5, "branch_scale": 0.5}, 0, 4),
        ({"activation": "tanh"}, 3, 0),
    ],
)  # fmt: skip
def test_additions_and_relus_are_fused_where_they_follow_bn(
    fields: dict[str, Any], additions: int, relus: int, fused: list[tuple[BatchNorm2d, bool, bool]]
) -> None:
    nets_of(**fields)[1](maps((2, 3, 8, 8), 0))
    assert (sum(adds for _, adds, _ in fused), sum(relu for *_, relu in fused)) == (additions, relus)


@pytest.mark.parametrize(
    "watched", ["branch.bn1", "branch.act1", "branch.bn2", "branch", "shortcut", "after", "after.act1"]
)
def test_a_hook_gets_the_values_of_the_separate_operations(watched: str) -> None:
    seen: list[list[Tensor]] = []
    for net in nets_of():
        net.get_submodule(f"stage2.0.{watched}").register_forward_hook(
            lambda _module, inputs, output: seen.append(tree_leaves((inputs, output)))
        )
        net(maps((2, 3, 8, 8), 0))
    assert len(seen) == 2
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_evaluation_ghost_bn_and_synchronised_bn_are_not_fused(fused: list[tuple[BatchNorm2d, bool, bool]]) -> None:
    net, other = nets_of()
    x = maps((4, 3, 8, 8), 0)
    assert torch.equal(net.eval()(x), other.eval()(x))
    for fields in ({"batch_norm_splits": 2}, {"batch_norm_sync": True}, {"normalization": "none"}):
        apart = build(spec_of(depth=8, width=4, **fields), torch.Generator()).to(DEVICE).train()
        assert not apart.fuse()
        apart(x)
    assert other.fuse(False)
    other.train()(x)
    assert not fused
