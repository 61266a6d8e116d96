"""The steps of a run: their draws, and the operations that they launch."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from recorded_graph import trainers
from small_runs import CPU, assert_same, experiment, held
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_repro.training import stepping
from resnet_repro.training.engine import BatchMetrics
from resnet_repro.training.stepping import Stepper


class _Launches(TorchDispatchMode):
    """Records the operations that are launched outside of replays."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_a_captured_step_launches_only_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    _, replaying, graph = trainers(experiment(record_every=20, evaluate_every=20, milestones=(3,)))
    monkeypatch.setattr(graph, "replay", lambda: None)
    run = replaying.run()
    with _Launches() as launches:
        next(run)  # sends a window of draws and the learning rate
        launches.names.clear()
        next(run)
        next(run)
        assert launches.names == []
        next(run)
        assert launches.names == ["fill_"]  # the new learning rate
        launches.names.clear()
        for _ in range(10):
            next(run)
        assert launches.names == []


def test_the_size_of_the_window_of_draws_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "WINDOW", 7)
    _, replaying, _ = trainers(experiment())
    monkeypatch.undo()
    straight, _, _ = trainers(experiment())
    for trainer in (replaying, straight):
        list(trainer.run())
    assert torch.equal(replaying.history, straight.history)
    assert_same(held(replaying), held(straight))


def test_a_step_out_of_order_has_its_own_draw() -> None:
    drawn: list[int] = []

    def take(draw: Tensor, rate: float | Tensor) -> BatchMetrics:
        drawn.append(int(draw))
        return BatchMetrics(draw[0].float(), draw[0])

    stepper = Stepper(take, lambda first, count: 10 * torch.arange(first, first + count)[:, None], 300, CPU)
    steps = [0, 1, 5, 6, 5, 200, *range(201, 300), 3]
    for step in steps:
        stepper(step, 0.1)
    assert drawn == [10 * step for step in steps]
    assert all(stepper.history[:, step].tolist() == 2 * [10 * step] for step in steps)
