"""The trial of torch's kernels and the fused ones, with made-up kernels, graphs and clock."""

import copy
import logging
from collections.abc import Callable

import pytest
import torch
from small_runs import CPU, experiment, random_dataset
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.training import kernels
from resnet_repro.training.distributed import Ranks
from resnet_repro.training.engine import Engine, Kernels
from resnet_repro.training.kernels import choose_kernels


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Net(nn.Module):
    """A net that takes 1 second of a made-up clock, or `fused_seconds` with fused kernels, which may be wrong."""

    def __init__(self, clock: Clock, fused_seconds: float, fused_scale: float = 1.0) -> None:
        super().__init__()
        self.head = nn.Linear(12, 10)
        self.clock = clock
        self.fused = False
        self.fused_seconds, self.fused_scale = fused_seconds, fused_scale

    def forward(self, x: Tensor) -> Tensor:
        self.clock.seconds += self.fused_seconds if self.fused else 1.0
        return self.head(x[:, :, :2, :2].flatten(1)) * (self.fused_scale if self.fused else 1.0)

    def fuse(self, fused: bool) -> bool:
        self.fused = fused
        return True


class Again:
    """A graph that runs the step again, with the kernels of its capture."""

    net: Net

    def __init__(self, device: torch.device) -> None:
        pass

    def warm_up(self, step: Callable[[], object]) -> None:
        step()

    def capture(self, step: Callable[[], object]) -> None:
        self.step, self.fused = step, self.net.fused

    def replay(self) -> None:
        now, self.net.fused = self.net.fused, self.fused
        self.step()
        self.net.fused = now


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The kernels chosen for a net whose fused kernels take so long, where torch's take 1 second."""

    def choose(fused_seconds: float, fused_scale: float = 1.0, graph: type[Again] = Again, **options: object) -> str:
        clock = Clock()
        net = Net(clock, fused_seconds, fused_scale)
        monkeypatch.setattr(graph, "net", net, raising=False)
        monkeypatch.setattr(kernels, "GRAPHS", {"cpu": graph})
        monkeypatch.setattr(kernels, "find_spec", lambda name: name)
        monkeypatch.setattr("time.perf_counter", clock)
        engine = Engine(net, CPU, "fp32", 0.9, False, 1e-4)
        before = copy.deepcopy(engine.state())
        result = choose_kernels(engine, net.fuse, 8)
        torch.testing.assert_close(engine.state(), before, rtol=0, atol=0)
        return result

    return choose


@pytest.mark.parametrize(("fused_seconds", "expected"), [(0.5, "fused"), (1.5, "torch"), (1.0, "torch")])
def test_the_faster_kernels_are_chosen(fused_seconds: float, expected: str, chosen: Callable[..., str]) -> None:
    assert chosen(fused_seconds) == expected


@pytest.mark.parametrize("scale", [3.0, float("nan")])
def test_kernels_that_give_other_losses_are_not_chosen(
    scale: float, chosen: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    assert chosen(0.5, scale) == "torch"
    assert "their losses differ" in caplog.text


def test_kernels_that_cannot_be_captured_are_not_chosen(
    chosen: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Again):
        def capture(self, step: Callable[[], object]) -> None:
            raise RuntimeError("no compiler")

    assert chosen(0.5, graph=Failing) == "torch"
    assert "their trial failed: RuntimeError: no compiler" in caplog.text


def test_deterministic_algorithms_choose_torchs_kernels(chosen: Callable[..., str]) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        assert chosen(0.5) == "torch"
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_net_without_a_layer_for_the_kernels_has_no_trial(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernels, "GRAPHS", {"cpu": Again})
    monkeypatch.setattr(kernels, "find_spec", lambda name: name)
    net = Net(Clock(), 0.5)
    with caplog.at_level(logging.INFO):
        assert choose_kernels(Engine(net, CPU, "fp32", 0.9, False, 1e-4), lambda fused: False, 8) == "torch"
    assert "ghost BN and synchronised BN have none" in caplog.text
    assert net.clock.seconds == 0


@pytest.mark.parametrize("missing", ["graphs", "Triton"])
def test_without_graphs_or_triton_torchs_kernels_are_used(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernels, "GRAPHS", {} if missing == "graphs" else {"cpu": Again})
    monkeypatch.setattr(kernels, "find_spec", lambda name: None if missing == "Triton" else name)
    net = Net(Clock(), 0.5)
    assert choose_kernels(Engine(net, CPU, "fp32", 0.9, False, 1e-4), net.fuse, 8) == "torch"
    assert (net.clock.seconds, caplog.messages) == (0, [])  # there was no trial


def test_several_ranks_use_torchs_kernels(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(kernels, "GRAPHS", {"cpu": Again})
    monkeypatch.setattr(kernels, "find_spec", lambda name: name)
    net = Net(Clock(), 0.5)
    engine = Engine(net, CPU, "fp32", 0.9, False, 1e-4)
    engine.ranks = Ranks(0, 2)
    assert choose_kernels(engine, net.fuse, 8) == "torch"
    assert (net.clock.seconds, caplog.messages) == (0, [])


@pytest.mark.parametrize("asked", [None, "torch", "fused"])
def test_a_run_on_a_cpu_uses_torchs_kernels_by_default(asked: Kernels | None) -> None:
    engine = build_trainer(experiment(), random_dataset(), CPU, kernels=asked).engine
    assert engine.kernels == (asked or "torch")
    layers = [module for module in engine.net.modules() if isinstance(module, BatchNorm2d)]
    assert {layer.fused for layer in layers} == {asked == "fused"}
