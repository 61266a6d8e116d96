"""Casting all weights at once gives the bits of autocast, which casts them one by one."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_repro.models.build import build
from resnet_repro.spec import ModelSpec
from resnet_repro.training.engine import Engine

CPU = torch.device("cpu")
STEPS = 4
NETS: dict[str, dict[str, Any]] = {
    "with BN": {},
    "plain": {"shortcut": "none"},
    "without BN, so with biases": {"normalization": "none"},
    "with scalars": {"normalization": "none", "initialization": "fixup"},
    "with projections": {"option": "B"},
    "with gates": {"shortcut": "exclusive_gate", "gate_bias": -3.0},
}


def engine_of(precision: str, **fields: Any) -> Engine:
    net = build(ModelSpec(depth=8, width=4, **fields), torch.Generator().manual_seed(0))
    return Engine(net, CPU, precision, 0.9, False, 1e-4)


def batch_of(step: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(step)
    images = torch.randn(8, 3, 16, 16, generator=random).contiguous(memory_format=torch.channels_last)
    return images, torch.randint(0, 10, (8,), generator=random)


@pytest.mark.parametrize(
    ("precision", "native"),
    [("bf16", ["bf16"]), ("fp16", ["fp16"]), ("bf16", ["fp32"])],
    ids=["bf16", "fp16", "bf16, rounded"],
)
@pytest.mark.parametrize("kind", NETS)
def test_training_equals_autocast_bit_for_bit(
    kind: str, precision: str, native: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnet_repro.training.engine.native_precisions", lambda device: native)
    at_once, one_by_one, recomputing = (engine_of(precision, **NETS[kind]) for _ in range(3))
    one_by_one.training_net = one_by_one.net
    recomputing.net.recompute()
    for step in range(STEPS):
        losses = [engine.train_step(*batch_of(step), 0.05).loss for engine in (at_once, one_by_one, recomputing)]
        assert torch.equal(losses[0], losses[1])
        assert torch.equal(losses[0], losses[2])
    for name, tensor in at_once.net.state_dict().items():
        assert torch.equal(tensor, one_by_one.net.state_dict()[name]), name


class _Casts(TorchDispatchMode):
    """Counts the operations that cast between float32 and bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in ("_to_copy", "_foreach_copy_"):
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


def test_a_step_casts_all_weights_at_once_and_all_gradients_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.training.engine.native_precisions", lambda device: ["bf16"])
    counts = []
    for depth in (8, 14):
        engine = Engine(build(ModelSpec(depth=depth, width=4), torch.Generator()), CPU, "bf16", 0.9, False, 1e-4)
        engine.train_step(*batch_of(0), 0.05)
        with _Casts() as casts:
            engine.train_step(*batch_of(1), 0.05)
        counts.append(casts.found)
    assert counts[0] == counts[1]
    assert counts[0]["_foreach_copy_"] == 2
    assert counts[0]["_to_copy"] <= 4  # the images, the outputs, and their gradients


def test_gradients_have_the_memory_format_of_their_weights() -> None:
    engine = engine_of("bf16")
    engine.train_step(*batch_of(0), 0.05)
    for parameter in engine.net.parameters():
        assert parameter.grad is not None
        assert (parameter.grad.dtype, parameter.grad.stride()) == (torch.float32, parameter.stride())


def test_a_step_leaves_the_nets_own_weights_in_place() -> None:
    engine = engine_of("bf16")
    before = [id(parameter) for parameter in engine.net.parameters()]
    engine.train_step(*batch_of(0), 0.05)
    assert [id(parameter) for parameter in engine.net.parameters()] == before
    assert engine.evaluate(*batch_of(1)).loss.isfinite()
