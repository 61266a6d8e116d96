"""Activation checkpointing (`recompute`) gives the same numbers with less memory."""

from typing import Any

import pytest
import torch
from straight_line import spec_of
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from resnet_repro.models.build import build
from resnet_repro.models.network import Network
from resnet_repro.training.engine import Engine

NETS: dict[str, dict[str, Any]] = {
    "residual": {},
    "plain": {"shortcut": "none"},
    "ghost batch norm": {"batch_norm_splits": 2},
    "pre-activated bottleneck": {"depth": 11, "block": "bottleneck", "unit": "full_preactivation"},
    "dropout": {"dropout": 0.3},
    "dropout on the shortcut": {"shortcut": "dropout", "shortcut_dropout": 0.5},
    "Fixup": {"normalization": "none", "initialization": "fixup"},
}


def net_of(recompute: bool, **model: Any) -> Network:
    net = build(spec_of(**{"depth": 8, "width": 4, **model}), torch.Generator().manual_seed(0))
    if recompute:
        net.recompute()
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it


def batch(images: int = 6) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.randn(images, 3, 16, 16, generator=random), torch.randint(0, 10, (images,), generator=random)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NETS)
def test_three_steps_give_the_same_bits(name: str, precision: str) -> None:
    kept, recomputed = (
        Engine(net_of(recompute, **NETS[name]), torch.device("cpu"), precision, 0.9, False, 1e-4)
        for recompute in (False, True)
    )
    for _ in range(3):
        outcomes = [engine.train_step(*batch(), 0.1) for engine in (kept, recomputed)]
        assert torch.equal(outcomes[0].loss, outcomes[1].loss)
    state = recomputed.net.state_dict()
    assert [name for name, tensor in kept.net.state_dict().items() if not torch.equal(tensor, state[name])] == []


def kept_bytes(net: Network) -> int:
    """Bytes that the forward pass keeps for the backward pass, without the weights. Each storage counts once."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    kept: dict[int, Tensor] = {}  # keeps the tensors alive, so that no address is reused

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        net.train()(batch()[0])
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize(("units", "inputs"), [(1, 1), (4, 2), (10, 3), (25, 5)])
def test_a_stage_of_n_units_keeps_about_the_inputs_of_root_n_units(units: int, inputs: int) -> None:
    per_input = 6 * 4 * 4 * (16 * 16 + 2 * 8 * 8 + 4 * 4 * 4)  # float32, over the three stages
    depth = 6 * units + 2
    around = kept_bytes(net_of(True, depth=8)) - per_input  # stem and head, as one unit a stage keeps one input
    assert kept_bytes(net_of(True, depth=depth)) == pytest.approx(around + inputs * per_input, rel=0.1)
    assert kept_bytes(net_of(False, depth=depth)) > 4 * units * per_input


def test_evaluation_recomputes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[nn.Module] = []

    def noted(units: nn.Module, x: Tensor) -> Tensor:
        calls.append(units)
        return units(x)

    monkeypatch.setattr("resnet_repro.models.network.recomputed", noted)
    net = net_of(True)
    net.eval()(batch()[0])
    assert calls == []
    net.train()(batch()[0])
    assert len(calls) == 3
