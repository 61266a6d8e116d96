"""Captured steps, with a replacement for a CUDA graph that works on the CPU."""

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Cli
from recorded_graph import RecordedGraph, trainers
from small_runs import CPU, assert_same, experiment, held, random_dataset
from torch import Tensor

from resnet_repro.errors import RunError
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.training.capture import GRAPHS, CapturedStep, CudaGraph, capture
from resnet_repro.training.distributed import Ranks
from resnet_repro.training.engine import BatchMetrics
from resnet_repro.training.loop import Trainer
from resnet_repro.training.stepping import Stepper

VARIANTS: dict[str, dict[str, Any]] = {
    "as the paper": {},
    "bf16": {"training": {"precision": "bf16"}},
    "fp16": {"training": {"precision": "fp16"}},
    "nesterov": {"training": {"nesterov": True, "weight_decay_on": "weights"}},
    "no momentum": {"training": {"momentum": 0.0}},
    "recomputed": {"training": {"recompute": True}},
    "ghost batch norm": {"model": {"batch_norm_splits": 2}},
    "pre-activated bottlenecks": {"model": {"depth": 11, "block": "bottleneck", "unit": "full_preactivation"}},
    "Fixup": {"model": {"normalization": "none", "initialization": "fixup"}},
    "dropout": {"model": {"dropout": 0.3}},
    "dropout on the shortcuts, recomputed": {
        "model": {"shortcut": "dropout", "shortcut_dropout": 0.5},
        "training": {"recompute": True},
    },
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


@pytest.mark.parametrize("name", ["as the paper", "dropout"])
def test_a_run_may_change_between_eager_and_replayed_steps_at_a_checkpoint(name: str) -> None:
    straight, _, _ = trainers(variant(name))
    list(straight.run())
    first, second, _ = trainers(variant(name))
    third, _, _ = trainers(variant(name))
    for before, after, until in ((first, second, 7), (second, third, 14)):
        run = before.run()
        while before.step < until:
            next(run)
        after.engine.restore(copy.deepcopy(before.engine.state()))
        after.restore(before.state())
    list(third.run())
    assert torch.equal(straight.history, third.history)
    assert_same(held(straight), held(third))


def test_capturing_does_not_change_the_engines_state() -> None:
    untouched = build_trainer(experiment(), random_dataset(), CPU)
    _, replaying, _ = trainers(experiment())
    assert_same(held(untouched), held(replaying))


def failing(trainer: Trainer) -> Stepper:
    """A stepper of the trainer's net that reads the loss on the host, which a capture forbids."""

    inner = trainer.stepper.take

    def take(draw: Tensor, rate: float | Tensor) -> BatchMetrics:
        outcome = inner(draw, rate)
        outcome.loss.item()
        return outcome

    return Stepper(take, trainer.stepper.draws, trainer.steps, CPU)


class UnendedGraph(RecordedGraph):
    """A graph that ends a failed capture with another error, as torch does."""

    def capture(self, step: Callable[[], object]) -> None:
        try:
            super().capture(step)
        finally:
            raise RuntimeError("capture failed due to a previous error\nand more lines")


def test_a_step_that_reads_on_the_host_stays_eager_and_the_log_gives_the_first_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer, untouched = (build_trainer(experiment(), random_dataset(), CPU) for _ in range(2))
    stepper = failing(trainer)
    with caplog.at_level(logging.WARNING):
        capture(stepper, trainer.engine, UnendedGraph())
    assert stepper.launch is None
    assert trainer.engine.name == "eager"
    assert caplog.messages == [
        "the training step could not be captured in a CUDA graph: operation not permitted when stream is capturing: "
        "aten._local_scalar_dense.default, then: capture failed due to a previous error; it is launched eagerly, which "
        "is slower"
    ]
    assert_same(held(trainer), held(untouched))
    trainer.stepper = stepper
    for each in (trainer, untouched):
        list(each.run())
    assert torch.equal(trainer.history, untouched.history)
    assert_same(held(trainer), held(untouched))


def test_a_required_graph_that_fails_is_an_error() -> None:
    trainer = build_trainer(experiment(), random_dataset(), CPU)
    with pytest.raises(RunError, match=r"^--require-graph: the training step could not be captured in a CUDA graph: "):
        capture(failing(trainer), trainer.engine, RecordedGraph(), required=True)


def test_a_required_graph_needs_cuda_and_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match="--require-graph: only CUDA devices have graphs, and the device is cpu"):
        build_trainer(experiment(), random_dataset(), CPU, require_graph=True)
    monkeypatch.setitem(GRAPHS, "cpu", lambda device: RecordedGraph())
    monkeypatch.setattr(Ranks, "parallel", lambda ranks, net: net)
    with pytest.raises(RunError, match="--require-graph: a run of several ranks cannot be captured"):
        build_trainer(experiment(), random_dataset(), CPU, ranks=Ranks(0, 2), require_graph=True)


def test_the_command_passes_on_require_graph(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    outcome = cli("train", tiny, "--results", tmp_path, "--device", "cpu", "--require-graph")
    assert outcome.code == 1
    assert outcome.err.endswith("error: --require-graph: only CUDA devices have graphs, and the device is cpu\n")
    assert not list(tmp_path.rglob("spec.yaml"))


@pytest.mark.parametrize("name", ["as the paper", "dropout"])
def test_on_cuda_the_step_is_captured_and_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"cuda": CudaGraph} == GRAPHS
    monkeypatch.setitem(GRAPHS, "cpu", lambda device: RecordedGraph())
    trainer = build_trainer(variant(name), random_dataset(), CPU)
    assert trainer.engine.name == "cuda graph"
    assert isinstance(trainer.stepper.launch, CapturedStep)
