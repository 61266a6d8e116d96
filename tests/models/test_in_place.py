"""ReLU and the addition overwrite their input in training where nothing else needs it: same bits, less memory."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from straight_line import spec_of, stirred
from torch import Tensor, nn

from resnet_repro.models.build import build
from resnet_repro.models.layers import Layers, ReLU
from resnet_repro.models.network import Network
from resnet_repro.models.shortcuts import Shortcut
from resnet_repro.models.units import UNITS, Unit

NETS: dict[str, dict[str, Any]] = {
    **{f"{unit}, option {option}": {"unit": unit, "option": option} for unit in UNITS for option in "AB"},
    **{f"{unit}, bottleneck": {"unit": unit, "block": "bottleneck", "depth": 11} for unit in UNITS},
    "plain": {"shortcut": "none"},
    "plain without BN": {"shortcut": "none", "normalization": "none"},
    "sigmoid": {"activation": "sigmoid"},
    "scaled": {"shortcut": "scaled", "shortcut_scale": 0.5, "branch_scale": 0.5},
    "exclusive gate": {"shortcut": "exclusive_gate", "gate_bias": -1},
    "shortcut-only gate": {"shortcut": "shortcut_only_gate", "gate_bias": -1, "unit": "relu_before_addition"},
    "1x1 convolution": {"shortcut": "conv1x1"},
    "dropout": {"shortcut": "dropout", "shortcut_dropout": 0.5, "dropout": 0.3},
    "Fixup": {"normalization": "none", "initialization": "fixup"},
    "ghost BN": {"batch_norm_splits": 2},
}


def net_of(**model: Any) -> Network:
    return stirred(build(spec_of(**{"depth": 8, "width": 4, **model}), torch.Generator().manual_seed(0))).float()


def images() -> Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def never_overwriting(net: Network) -> Network:
    """The net with a hook on every layer, each of which might keep what it sees."""
    for module in net.modules():
        module.register_forward_hook(lambda *_: None)
    return net


def overwritten(net: Network, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many ReLUs overwrite their input in a forward pass."""
    calls: list[bool] = []
    relu = F.relu

    def noting(x: Tensor, inplace: bool = False) -> Tensor:
        calls.append(inplace)
        return relu(x, inplace)

    monkeypatch.setattr(F, "relu", noting)
    net(images())
    monkeypatch.undo()
    return sum(calls)


@pytest.mark.parametrize("name", NETS)
def test_overwriting_changes_no_bit_of_the_output_and_of_the_gradients(name: str) -> None:
    nets = [net_of(**NETS[name]), never_overwriting(net_of(**NETS[name]))]
    outputs = [net(images()) for net in nets]
    for output in outputs:
        output.square().sum().backward()
    assert torch.equal(*outputs)
    for ours, theirs in zip(*(net.parameters() for net in nets), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize("shortcut", ["none", "identity"])
def test_all_seven_relus_of_the_first_papers_nets_overwrite_their_input(
    shortcut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert overwritten(net_of(shortcut=shortcut), monkeypatch) == 7
    assert overwritten(never_overwriting(net_of(shortcut=shortcut)), monkeypatch) == 0


def test_relu_only_preactivation_overwrites_no_input_of_a_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert overwritten(net_of(unit="relu_only_preactivation"), monkeypatch) == 3


def test_a_unit_never_overwrites_its_input() -> None:
    for name, model in NETS.items():
        for unit in (module for module in net_of(**model).modules() if isinstance(module, Unit)):
            first = next(module for module in unit.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d))
            width = first.num_features if isinstance(first, nn.BatchNorm2d) else first.in_channels
            x = torch.randn(2, width, 4, 4)
            before = x.clone()
            unit(x)
            assert torch.equal(x, before), name


class OwnShortcut(Shortcut):
    """A shortcut of somebody else, whose backward pass needs the branch as it returns it."""

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x) * residual.square(), torch.tanh(residual)


@pytest.mark.parametrize("unit", ["original", "full_preactivation"])
def test_what_a_shortcut_of_ones_own_returns_is_not_overwritten(unit: str) -> None:
    net = net_of(unit=unit)
    for module in net.modules():
        if isinstance(module, Unit):
            assert module.shortcut
            module.shortcut = OwnShortcut(module.shortcut.h)
    net(images()).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


LACKING = {  # nets without a module of that kind
    ("plain without BN", nn.BatchNorm2d), ("Fixup", nn.BatchNorm2d), ("sigmoid", ReLU),
    ("plain", Shortcut), ("plain without BN", Shortcut),
}  # fmt: skip
WATCHED = [(name, kind) for kind in (nn.BatchNorm2d, nn.Conv2d, ReLU, Layers, Shortcut, Unit)
           for name in NETS if (name, kind) not in LACKING]  # fmt: skip


@pytest.mark.parametrize(("name", "watched"), WATCHED)
def test_a_hook_may_keep_what_it_sees(name: str, watched: type[nn.Module]) -> None:
    net, kept = net_of(**NETS[name]), []
    for module in net.modules():
        if isinstance(module, watched):
            module.register_forward_hook(lambda _module, _inputs, output: kept.extend(copies(output)))
            module.register_forward_pre_hook(lambda _module, inputs: kept.extend(copies(inputs)))
    net(images())
    assert kept
    assert all(torch.equal(*pair) for pair in kept)


def copies(values: Any) -> list[tuple[Tensor, Tensor]]:
    """Each tensor as it is, beside a copy of it."""
    return [(value, value.clone()) for value in ([values] if isinstance(values, Tensor) else values)]
