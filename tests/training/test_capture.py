"""The captured step, on a stand-in for a CUDA graph that works on the CPU, and on CUDA where there is one."""

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
import torch
from small_runs import CPU, assert_same, experiment, held, random_dataset
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet_repro.assembly import build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.training.capture import GRAPHS, CapturedStep, CudaGraph, captured
from resnet_repro.training.engine import Outcome
from resnet_repro.training.loop import Trainer

T = TypeVar("T")
HOST_READS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "unique_dim", "masked_select"}


class _Recorder(TorchDispatchMode):
    """Notes every operation with the tensors it reads and writes. A read by the host breaks a capture, as on CUDA."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket.__name__ in HOST_READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


class RecordedGraph:
    """Runs the recorded operations again, on the same memory and without any Python of the step: a graph's manner."""

    def __init__(self) -> None:
        self.recorder = _Recorder()

    def warm_up(self, step: Callable[[], object]) -> None:
        step()

    def capture(self, step: Callable[[], T]) -> T:
        with self.recorder:
            return step()

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, results in self.recorder.calls:
            again = func(*args, **kwargs)
            for kept, new in zip(tree_leaves(results), tree_leaves(again), strict=True):
                if isinstance(kept, Tensor) and kept.data_ptr() != new.data_ptr():
                    kept.copy_(new)


def trainers(spec: Experiment) -> tuple[Trainer, Trainer, RecordedGraph]:
    """One that launches its steps, and one that replays them."""
    eager, replaying, graph = (
        build_trainer(spec, random_dataset(), CPU),
        build_trainer(spec, random_dataset(), CPU),
        RecordedGraph(),
    )
    step = replaying.train_step
    replaying.train_step = CapturedStep(step, replaying.engine, replaying.batches.draw(0), graph)
    return eager, replaying, graph


VARIANTS: dict[str, dict[str, Any]] = {
    "as the paper": {},
    "bf16": {"training": {"precision": "bf16"}},
    "fp16": {"training": {"precision": "fp16"}},
    "nesterov": {"training": {"nesterov": True, "weight_decay_on": "weights"}},
    "no momentum": {"training": {"momentum": 0.0}},
    "recomputed": {"training": {"recompute": True}},
    "two statistics": {"model": {"batch_norm_splits": 2}},
    "pre-activated bottlenecks": {"model": {"depth": 11, "block": "bottleneck", "unit": "full_preactivation"}},
    "Fixup": {"model": {"normalization": "none", "initialization": "fixup"}},
}


def variant(name: str) -> Experiment:
    spec = experiment().model_dump(exclude_unset=True)
    for section, values in VARIANTS[name].items():
        spec[section] = {**spec[section], **values}
    return Experiment.model_validate(spec)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_replayed_run_equals_an_eager_one(name: str) -> None:
    eager, replaying, graph = trainers(variant(name))
    recorded = len(graph.recorder.calls)
    rows = [[row for row in trainer.run() if row] for trainer in (eager, replaying)]
    assert [replace(row, images_per_second=0, elapsed_seconds=0) for row in rows[0]] == [
        replace(row, images_per_second=0, elapsed_seconds=0) for row in rows[1]
    ]
    assert torch.equal(eager.history, replaying.history)
    assert_same(held(eager), held(replaying))
    assert len(graph.recorder.calls) == recorded


def test_a_replayed_run_goes_on_from_an_eager_ones_checkpoint_and_back() -> None:
    straight, _, _ = trainers(experiment())
    list(straight.run())
    first, second, _ = trainers(experiment())
    third, _, _ = trainers(experiment())
    for before, after, until in ((first, second, 7), (second, third, 14)):
        run = before.run()
        while before.step < until:
            next(run)
        after.engine.restore(copy.deepcopy(before.engine.state()))
        after.restore(before.state())
    list(third.run())
    assert torch.equal(straight.history, third.history)
    assert_same(held(straight), held(third))


def test_capturing_leaves_the_engine_as_it_was() -> None:
    untouched = build_trainer(experiment(), random_dataset(), CPU)
    _, replaying, _ = trainers(experiment())
    assert_same(held(untouched), held(replaying))


def test_the_learning_rate_is_written_only_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    _, replaying, _ = trainers(experiment())
    step = replaying.train_step
    assert isinstance(step, CapturedStep)
    written: list[float] = []
    fill = Tensor.fill_

    def noting(tensor: Tensor, value: float) -> Tensor:
        if tensor is step.learning_rate:
            written.append(value)
        return fill(tensor, value)

    monkeypatch.setattr(Tensor, "fill_", noting)
    list(replaying.run())
    assert written == pytest.approx([0.1, 0.01, 0.001])


def test_a_step_that_reads_on_the_host_is_not_captured_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    trainer, untouched = (build_trainer(experiment(), random_dataset(), CPU) for _ in range(2))

    def reading(draw: Tensor, rate: float | Tensor) -> Outcome:
        outcome = trainer.engine.train_step(*trainer.batches.load(draw), rate)  # type: ignore[attr-defined]  # of ours
        outcome.loss.item()
        return outcome

    with caplog.at_level(logging.WARNING):
        step = captured(reading, trainer.engine, trainer.batches.draw(0), RecordedGraph())
    assert step is reading
    assert trainer.engine.name == "eager"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the training step could not be captured in a CUDA graph and is launched ea")
    assert_same(held(trainer), held(untouched))


def test_on_cuda_the_step_is_captured_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"cuda": CudaGraph} == GRAPHS
    monkeypatch.setitem(GRAPHS, "cpu", lambda device: RecordedGraph())
    trainer = build_trainer(experiment(), random_dataset(), CPU)
    assert trainer.engine.name == "cuda graph"
    assert isinstance(trainer.train_step, CapturedStep)


def test_dropout_is_trained_eagerly_and_said_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(GRAPHS, "cpu", lambda device: RecordedGraph())
    spec = experiment()
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"dropout": 0.5})})
    trainer = build_trainer(spec, random_dataset(), CPU)
    assert trainer.engine.name == "eager"
    assert caplog.messages == [
        "dropout draws anew on the host for each step, which a CUDA graph cannot hold: trains eagerly"
    ]


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@needs_cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_on_cuda_fifty_replayed_steps_lose_as_much_as_eager_ones(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = torch.device("cuda")
    values = experiment().model_dump(exclude_unset=True)
    values["training"] |= {"steps": 50, "milestones": [25], "precision": precision, "learning_rate": 0.02}
    spec = Experiment.model_validate(values)
    replaying = build_trainer(spec, random_dataset(), device)
    assert isinstance(replaying.train_step, CapturedStep)
    assert isinstance(replaying.train_step.graph, CudaGraph)
    monkeypatch.delitem(GRAPHS, "cuda")
    eager = build_trainer(spec, random_dataset(), device)
    assert eager.engine.name == "eager"
    for trainer in (eager, replaying):
        list(trainer.run())
    tolerance = 1e-3 if precision == "fp32" else 0.05
    torch.testing.assert_close(replaying.history[0], eager.history[0], rtol=tolerance, atol=tolerance)


@needs_cuda
def test_on_cuda_the_batches_are_those_of_the_cpu() -> None:
    on_cpu, on_cuda = (build_trainer(experiment(), random_dataset(), torch.device(name)) for name in ("cpu", "cuda"))
    for step in (0, 5, 6, 19):
        assert torch.equal(on_cpu.batches.draw(step), on_cuda.batches.draw(step).cpu())
        batches = [trainer.batches[step] for trainer in (on_cpu, on_cuda)]  # type: ignore[index]  # of ours
        torch.testing.assert_close(batches[0].images, batches[1].images.cpu())
