"""Measured numbers are consistent on any machine, and measuring restores the training loop."""

import math
from collections.abc import Hashable
from typing import Any

import pytest
import torch

from resnet_repro.bench import measure, measure_scaling
from resnet_repro.bench.layer_shapes import layer_shapes, least_values_moved
from resnet_repro.bench.limit import FORMATS, Trial
from resnet_repro.bench.measurement import _shares_of_limits
from resnet_repro.bench.ours import bench_trainer, outside_share, training_step
from resnet_repro.bench.parallel import images_per_second, parallel_runs
from resnet_repro.errors import RunError
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, StartSpec, TrainingSpec
from resnet_repro.training.device import usable_cores
from resnet_repro.training.timing import Timing

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
CPU = torch.device("cpu")
EXPERIMENT = Experiment(
    name="tiny",
    model=ModelSpec(depth=8, width=4),
    data=DataSpec(dataset="synthetic", train_images=320, test_images=100),
    training=TrainingSpec(batch_size=32, precision="fp32", clean_images=64),
)
SMALL = ["model.width=2", "training.batch_size=8", "training.precision=fp32",
         "data.dataset=synthetic", "data.train_images=320", "data.test_images=100"]  # fmt: skip


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return measure(EXPERIMENT, CPU, seconds=0.5, rounds=1)


def test_the_contracts_fields_exist_and_agree(measured: dict[str, Any]) -> None:
    assert measured["spec"] == "tiny"
    assert measured["device"].startswith("CPU (")
    assert measured["images_per_second"] == pytest.approx(32_000 / measured["step_ms"])
    assert measured["baseline_images_per_second"] == pytest.approx(32_000 / measured["baseline_step_ms"])
    quotient = measured["images_per_second"] / measured["baseline_images_per_second"]
    assert measured["ratio"] == pytest.approx(quotient)  # of one round
    assert measured["ratio_min"] <= measured["ratio"] <= measured["ratio_max"]
    assert measured["limit_share"] == pytest.approx(measured["limit_ms"] / measured["step_ms"])


def test_shares_are_fractions(measured: dict[str, Any]) -> None:
    assert 0 < measured["peak_share"] <= measured["limit_share"] < 1.5
    assert 0 < measured["outside_share"] < 1
    assert measured["bytes_share"] is None  # of CUDA alone
    per_step = measured["evaluation_seconds"] / measured["step_ms"] * 1000
    assert measured["evaluation_share"] == pytest.approx(per_step / 10)  # an epoch is 10 steps
    assert all(math.isfinite(value) for value in measured.values() if isinstance(value, float))


def test_the_result_names_data_settings_and_environment(measured: dict[str, Any]) -> None:
    assert measured["data"] == "random images, not CIFAR-10"
    assert measured["environment"]["data"] == {"name": measured["data"], "exact": False, "digest": ""}
    assert (measured["batch_size"], measured["precision"], measured["engine"]) == (32, "fp32", "eager")
    assert (measured["rounds"], measured["environment"]["threads"]) == (1, 1)
    assert measured["environment"]["versions"]["torch"] == torch.__version__


def test_the_baseline_can_be_left_out() -> None:
    said: list[str] = []
    measured = measure(EXPERIMENT, CPU, seconds=0.01, rounds=2, with_baseline=False, say=said.append)
    assert [key for key, value in measured.items() if value is None] == [
        "baseline_step_ms", "baseline_images_per_second", "ratio", "ratio_min", "ratio_max", "bytes_share",
    ]  # fmt: skip
    assert said == ["tiny: warm-up", "tiny: round 1 of 2", "tiny: round 2 of 2"]


def test_the_bandwidth_share_counts_the_least_bytes() -> None:
    """With made-up times: a step of 0.1 s, a copy of 2 ms, layers of 1 ms."""
    trainer, shapes = bench_trainer(EXPERIMENT, CPU), layer_shapes(EXPERIMENT.model)
    trials = {Trial(shape, order): Timing(1, [0.001]) for shape in shapes for order in FORMATS}
    timings: dict[Hashable, Timing] = {"ours": Timing(1, [0.1]), "copy": Timing(1, [0.002])}
    shares = _shares_of_limits(EXPERIMENT, trainer, timings | trials)
    copied_per_second = 2 * 2**28 / 0.002
    moved = 32 * 4 * least_values_moved(EXPERIMENT.model)  # a batch of 32 in fp32
    assert shares["bytes_share"] == pytest.approx(moved / copied_per_second / 0.1)
    assert shares["limit_share"] == pytest.approx(8 * 0.001 / 0.1)
    best = max(shape.training_multiply_adds for shape in shapes) * 32 / 0.001
    assert shares["peak_multiply_adds_per_second"] == pytest.approx(best)


def test_our_step_is_the_training_loops_step() -> None:
    """It gives the training loop's weights after as many steps, bit for bit."""
    here, there = bench_trainer(EXPERIMENT, CPU), bench_trainer(EXPERIMENT, CPU)
    step, run = training_step(here), there.run()
    for _ in range(4):
        step()
        next(run)
    theirs = there.engine.net.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in here.engine.net.state_dict().items())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # a warning of torch.compile
def test_a_trainer_with_compiled_units_is_named_so() -> None:
    assert bench_trainer(EXPERIMENT, CPU, compiled=True).engine.name == "eager, compiled units"


@pytest.mark.parametrize("start", [None, StartSpec(run="another")])
def test_the_outside_share_is_measured_on_the_real_loop_with_a_row(start: StartSpec | None) -> None:
    """Also of a net whose spec lets it grow from a trained one; it is measured from random weights."""
    experiment = EXPERIMENT.model_copy(update={"start": start})
    trainer = bench_trainer(experiment, CPU)
    share = outside_share(trainer, experiment, steps=6)
    assert share is not None
    assert 0 < share < 1
    assert (trainer.step, trainer.row_step) == (7, 7)
    assert "train_step" not in vars(trainer.engine)


@pytest.mark.usefixtures("forked_children")
def test_scaling_measures_each_curve_and_runs_side_by_side() -> None:
    said: list[str] = []
    curves = {"model.depth": (8, 14), "training.batch_size": (4, 8)}
    deep = EXPERIMENT.model_copy(update={"name": "deep", "model": ModelSpec(depth=98, width=8)})
    points = measure_scaling(CPU, 0.2, SMALL, curves, runs=(2,), deepest=deep, busy=(), say=said.append)
    kept, recomputed = points[-2:]
    assert [point["curve"] for point in points[-2:]] == ["training.recompute of deep, batches of 16"] * 2
    assert [point["value"] for point in points[-2:]] == [0, 1]
    assert kept["memory_bytes"] > recomputed["memory_bytes"] + 16 * 1e6  # 96 layers of 8 to 32 maps, in bf16 at least
    points = points[:-2]
    assert {point["memory_bytes"] for point in points} == {None}
    assert [(point["curve"], point["value"]) for point in points] == [
        ("model.depth", 8), ("model.depth", 14), ("training.batch_size", 4), ("training.batch_size", 8),
        ("runs side by side", 2),
    ]  # fmt: skip
    assert [point["relative_speed"] for point in points][::2] == [1, 1, 1]
    batches = (8, 8, 4, 8)
    for point, batch in zip(points, batches, strict=False):
        assert point["images_per_second"] == pytest.approx(1000 * batch / point["step_ms"])
    assert all(point["images_per_second"] > 0 for point in points)
    assert points[-1]["step_ms"] is None
    assert len(said) == 4


def test_runs_side_by_side_go_up_to_the_cores_or_to_eight_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parallel_runs(torch.device("cuda")) == [1, 2, 4, 8]
    assert parallel_runs(CPU)[-1] == usable_cores() >= 1
    monkeypatch.setattr("resnet_repro.bench.parallel.usable_cores", lambda: 6)
    assert parallel_runs(CPU) == [1, 2, 4, 6]


@pytest.mark.usefixtures("forked_children")
def test_a_failed_run_beside_others_gives_one_line() -> None:
    broken = EXPERIMENT.model_copy(update={"model": EXPERIMENT.model.model_copy(update={"unit": "nonsense"})})
    with pytest.raises(RunError, match=r"^2 runs side by side: one of them failed: model.unit: 'nonsense' is"):
        images_per_second(broken, CPU, 2, 0.1)
