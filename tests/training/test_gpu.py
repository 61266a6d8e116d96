"""Captured training on a real GPU gives the bits of eager training, for every kind of net.

With RESNET_REPRO_NO_NUMBERS set, everything runs and no number is compared: for a device that does not compute.
"""

import copy
import gc
import math
import os
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import torch
from small_runs import assert_same, experiment, held, random_dataset, rows_of

from resnet_repro.probes.gradients import gradient_norms
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.training.capture import GRAPHS, CapturedStep, CudaGraph
from resnet_repro.training.engine import Engine
from resnet_repro.training.loop import Trainer
from resnet_repro.training.streams import own_stream

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
GPU = torch.device("cuda")
NUMBERS = not os.environ.get("RESNET_REPRO_NO_NUMBERS")
STEPS = 50

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"shortcut": "none"},
    "residual": {},
    "projections": {"option": "B"},
    "post-activation BN": {"unit": "bn_after_addition"},
    "ReLU before addition": {"unit": "relu_before_addition"},
    "ReLU-only pre-activation": {"unit": "relu_only_preactivation"},
    "full pre-activation": {"unit": "full_preactivation"},
    "bottleneck": {"depth": 11, "block": "bottleneck", "unit": "full_preactivation"},
    "scaled": {"shortcut": "scaled", "shortcut_scale": 0.5, "branch_scale": 0.5},
    "exclusive gate": {"shortcut": "exclusive_gate", "gate_bias": -6.0},
    "shortcut-only gate": {"shortcut": "shortcut_only_gate", "gate_bias": -6.0},
    "1x1 convolution": {"shortcut": "conv1x1"},
    "dropout shortcut": {"shortcut": "dropout", "shortcut_dropout": 0.5},
    "dropout": {"dropout": 0.3},
    "without BN": {"normalization": "none"},
    "Fixup": {"normalization": "none", "initialization": "fixup"},
    "ghost batch norm": {"batch_norm_splits": 2},
}
TRAININGS: dict[str, dict[str, Any]] = {
    "recomputed": {"recompute": True},
    "nesterov": {"nesterov": True, "weight_decay_on": "weights"},
    "no momentum": {"momentum": 0.0},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
}
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for equal bits; read when CUDA starts


def spec_of(model: dict[str, Any] | None = None, **training: Any) -> Experiment:
    """50 steps, with rows and evaluations between them."""
    settings = {"steps": STEPS, "milestones": (25, 40), "record_every": 10, "evaluate_every": 20, **training}
    tiny = experiment(**{"learning_rate": 0.02, **settings})
    wanted = {**tiny.model.model_dump(exclude_unset=True), "width": 8, **(model or {})}
    return Experiment.model_validate({**tiny.model_dump(exclude_unset=True), "model": wanted})


def captured_run(spec: Experiment, compiled: bool = False) -> Trainer:
    trainer = build_trainer(spec, random_dataset(), GPU, compiled, require_graph=True)
    assert isinstance(trainer.stepper.launch, CapturedStep)
    return trainer


@pytest.fixture
def eager_run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    def build(spec: Experiment, compiled: bool = False) -> Trainer:
        with monkeypatch.context() as patch:
            patch.delitem(GRAPHS, "cuda")
            trainer = build_trainer(spec, random_dataset(), GPU, compiled)
        assert trainer.engine.name.startswith("eager")
        return trainer

    return build


@pytest.fixture
def equal_bits() -> Iterator[None]:
    """Torch's settings as after `make_deterministic`, restored afterwards."""
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]  # a module's property
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]


def assert_same_run(one: Trainer, other: Trainer) -> None:
    """Losses, errors, weights, statistics and momentum, bit by bit."""
    if not NUMBERS:
        return
    assert torch.equal(one.history, other.history)
    assert_same(held(one), held(other))


def assert_captured_equals_eager(eager: Trainer, replaying: Trainer) -> None:
    rows = [rows_of(trainer) for trainer in (eager, replaying)]
    assert_same_run(eager, replaying)
    if NUMBERS:
        assert replaying.step == STEPS
        assert [(row.test_loss, row.train_error_clean_pct) for row in rows[0]] == [
            (row.test_loss, row.train_error_clean_pct) for row in rows[1]
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_captured_net_trains_like_an_eager_one(
    kind: str, eager_run: Callable[..., Trainer], equal_bits: None
) -> None:
    spec = spec_of(KINDS[kind])
    assert_captured_equals_eager(eager_run(spec), captured_run(spec))


@pytest.mark.parametrize("way", TRAININGS)
def test_captured_training_equals_eager_training(way: str, eager_run: Callable[..., Trainer], equal_bits: None) -> None:
    spec = spec_of(**TRAININGS[way])
    assert_captured_equals_eager(eager_run(spec), captured_run(spec))


@pytest.mark.filterwarnings("ignore")  # torch.compile itself causes warnings
def test_captured_compiled_units_train_like_eager_ones(eager_run: Callable[..., Trainer], equal_bits: None) -> None:
    spec = spec_of({"dropout": 0.3})
    assert_captured_equals_eager(eager_run(spec, compiled=True), captured_run(spec, compiled=True))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_with_the_fastest_algorithms_losses_are_close_to_eager_ones(
    precision: str, eager_run: Callable[..., Trainer]
) -> None:
    spec = spec_of(precision=precision)
    eager, replaying = eager_run(spec), captured_run(spec)
    for trainer in (eager, replaying):
        rows_of(trainer)
    if NUMBERS:
        tolerance = 1e-3 if precision == "fp32" else 0.05
        torch.testing.assert_close(replaying.history[0], eager.history[0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("model", [{}, {"dropout": 0.3}])
def test_a_resumed_run_equals_an_uninterrupted_one(
    model: dict[str, Any], eager_run: Callable[..., Trainer], equal_bits: None
) -> None:
    spec = spec_of(model)
    straight, first, second, third = (build(spec) for build in (captured_run, captured_run, eager_run, captured_run))
    rows_of(straight)
    for before, after, stop in ((first, second, 17), (second, third, 33)):
        run = before.run()
        while before.step < stop and next(run, StopIteration) is not StopIteration:
            pass
        after.engine.restore(copy.deepcopy(before.engine.state()))
        after.restore(before.state())
    rows_of(third)
    assert_same_run(straight, third)


def test_gradients_after_a_replay_are_those_of_its_step(eager_run: Callable[..., Trainer], equal_bits: None) -> None:
    eager, replaying = eager_run(spec_of()), captured_run(spec_of())
    runs = [trainer.run() for trainer in (eager, replaying)]
    for _ in range(3):
        for run in runs:
            next(run)
        norms = [list(gradient_norms(trainer.engine.net)) for trainer in (eager, replaying)]
        assert len(norms[1]) == 8  # 7 convolutions and the classifier
        if NUMBERS:
            assert norms[0] == norms[1]
            assert all(math.isfinite(norm) and norm > 0 for _, _, norm in norms[1])


def test_a_captured_run_diverges_where_an_eager_one_does(eager_run: Callable[..., Trainer], equal_bits: None) -> None:
    spec = spec_of(learning_rate=1e30)
    eager, replaying = eager_run(spec), captured_run(spec)
    rows = [rows_of(trainer) for trainer in (eager, replaying)]
    if NUMBERS:
        assert replaying.diverged_at == eager.diverged_at is not None
        assert [row.train_loss for row in rows[0]] == [row.train_loss for row in rows[1]]


def test_runs_side_by_side_in_threads_equal_runs_one_after_another(equal_bits: None) -> None:
    specs = [spec_of(model) for model in ({}, {"shortcut": "none"}, {"dropout": 0.3}, {"normalization": "none"})]

    def train(spec: Experiment) -> Trainer:
        with own_stream(GPU) as stream:
            trainer = captured_run(spec)
            rows_of(trainer)
            stream.synchronize()
        return trainer

    alone = [train(spec) for spec in specs]
    with ThreadPoolExecutor(len(specs)) as pool:
        together = list(pool.map(train, specs))
    for one, other in zip(alone, together, strict=True):
        assert_same_run(one, other)


def test_runs_at_the_same_time_have_streams_of_their_own() -> None:
    """Torch hands out 32 streams in turn: a run must not get one that another run or a capture still uses."""
    side = CudaGraph(GPU).stream  # of captures from the default stream
    with ExitStack() as running:
        held = [running.enter_context(own_stream(GPU)) for _ in range(16)]
        for _ in range(40):
            with own_stream(GPU) as newest:
                assert CudaGraph(GPU).stream == newest
                assert len({stream.cuda_stream for stream in [*held, newest, side]}) == 18


def test_a_graph_keeps_the_memory_that_its_replays_read() -> None:
    values = torch.ones(1000, device=GPU)
    freed = weakref.ref(values)
    graph = CudaGraph(GPU)
    graph.capture(partial(torch.add, values, 1, out=values))
    del values
    gc.collect()
    assert freed() is not None
    del graph
    gc.collect()
    assert freed() is None


def test_while_other_runs_are_captured_a_run_evaluates_neither_tuned_nor_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tuning frees memory, which must not happen during a capture."""
    seen: list[bool] = []
    forward = Engine._forward

    def noting(self: Engine, *arguments: Any) -> Any:
        if not self.net.training:
            seen.append(torch.backends.cudnn.benchmark or torch.cuda.is_current_stream_capturing())
        return forward(self, *arguments)

    monkeypatch.setattr(Engine, "_forward", noting)

    def train(spec: Experiment) -> None:
        with own_stream(GPU):
            rows_of(captured_run(spec))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(train, [spec_of()] * 12))
    assert seen
    assert not any(seen)
