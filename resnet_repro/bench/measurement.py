"""Measures one net: our step, the baseline's step, and the machine's limit, in turn in one process."""

import statistics
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any

import torch

from resnet_repro.bench.baseline import Baseline
from resnet_repro.bench.layer_shapes import layer_shapes, least_values_moved
from resnet_repro.bench.limit import COPIED_BYTES, Trial, copy_contender, layer_trials, limit, repeats_on
from resnet_repro.bench.ours import bench_trainer, outside_share, training_step
from resnet_repro.bench.specs import random_images
from resnet_repro.runner.environment import describe_environment
from resnet_repro.spec import Experiment
from resnet_repro.training.device import device_name
from resnet_repro.training.engine import COMPUTED_IN
from resnet_repro.training.evaluation import evaluate
from resnet_repro.training.loop import Trainer
from resnet_repro.training.timing import Contender, Timing, always, interleaved, synchronizer

ROUNDS = 5
OURS, BASELINE, EVALUATION, COPY = "ours", "baseline", "evaluation", "copy"
# Shares of a round's time; a round has at least two steps of each. The rest of the time is for `outside_share`.
SHARES = {OURS: 0.3, BASELINE: 0.3, EVALUATION: 0.1, COPY: 0.05, "layers": 0.2}
LEAST_STEPS = 5  # for `outside_share`


def measure(
    experiment: Experiment,
    device: torch.device,
    seconds: float,
    rounds: int = ROUNDS,
    with_baseline: bool = True,
    compiled: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Speeds and shares as plain numbers. A share is a fraction, or None where it does not apply."""
    trainer = bench_trainer(experiment, device, compiled)
    contenders = _contenders(experiment, trainer, seconds / (rounds + 1), with_baseline)
    timings = interleaved(
        contenders,
        rounds,
        synchronizer(device),
        begins=lambda number: say(f"{experiment.name}: " + (f"round {number} of {rounds}" if number else "warm-up")),
    )
    steps = max(LEAST_STEPS, round(0.1 * seconds / timings[OURS].median))
    dataset, engine = random_images(experiment.data), trainer.engine
    data = dataset.identity
    return {
        "spec": experiment.name,
        "device": device_name(device),
        "batch_size": experiment.training.batch_size,
        "precision": engine.precision,
        "engine": engine.name,
        "data": dataset.name,
        "rounds": rounds,
        "steps_per_round": timings[OURS].steps,
        **_speeds(timings, experiment.training.batch_size),
        **_shares_of_limits(experiment, trainer, timings),
        "outside_share": outside_share(trainer, experiment, steps),
        **_evaluation(experiment, trainer, timings),
        "environment": describe_environment(device, engine.precision, engine.name, data, kernels=engine.kernels),
    }


def _contenders(
    experiment: Experiment, trainer: Trainer, round_seconds: float, with_baseline: bool
) -> dict[Hashable, Contender]:
    engine, batch_size = trainer.engine, experiment.training.batch_size
    seconds = {name: share * round_seconds for name, share in SHARES.items()}
    contenders: dict[Hashable, Contender] = {OURS: always(training_step(trainer), seconds[OURS])}
    if with_baseline:
        baseline = Baseline(experiment, random_images(experiment.data).train, engine.device)
        contenders[BASELINE] = Contender(baseline.turn, seconds[BASELINE])
    contenders[EVALUATION] = always(lambda: evaluate(engine, islice(trainer.test, 1)), seconds[EVALUATION])
    if engine.device.type == "cuda":
        contenders[COPY] = copy_contender(engine.device, seconds[COPY])
    shapes, dtype = layer_shapes(experiment.model), COMPUTED_IN[engine.precision]
    return contenders | layer_trials(shapes, batch_size, engine.device, dtype, seconds["layers"])


def _speeds(timings: dict[Hashable, Timing], batch_size: int) -> dict[str, float | None]:
    """Speeds of ours and the baseline. The ratio is the median over rounds of the ratio within a round."""
    ours, baseline = timings[OURS], timings.get(BASELINE)
    theirs = baseline.step_seconds if baseline else []
    ratios = [there / here for here, there in zip(ours.step_seconds, theirs, strict=bool(theirs))]
    return {
        "step_ms": 1000 * ours.median,
        "images_per_second": batch_size / ours.median,
        "baseline_step_ms": 1000 * baseline.median if baseline else None,
        "baseline_images_per_second": batch_size / baseline.median if baseline else None,
        "ratio": statistics.median(ratios) if ratios else None,
        "ratio_min": min(ratios, default=None),
        "ratio_max": max(ratios, default=None),
    }


def _shares_of_limits(
    experiment: Experiment, trainer: Trainer, timings: dict[Hashable, Timing]
) -> dict[str, float | None]:
    engine, batch_size = trainer.engine, experiment.training.batch_size
    shapes, step = layer_shapes(experiment.model), timings[OURS].median
    trials = {name: timing for name, timing in timings.items() if isinstance(name, Trial)}
    best = limit(shapes, trials, batch_size, repeats_on(engine.device))
    work = batch_size * sum(shape.training_multiply_adds * number for shape, number in shapes.items())
    bytes_share = None
    if copying := timings.get(COPY):
        least_bytes = batch_size * least_values_moved(experiment.model) * COMPUTED_IN[engine.precision].itemsize
        bytes_share = least_bytes / (2 * COPIED_BYTES / copying.median) / step
    return {
        "limit_ms": 1000 * best.step_seconds,
        "limit_share": best.step_seconds / step,
        "peak_multiply_adds_per_second": best.multiply_adds_per_second,
        "peak_share": work / best.multiply_adds_per_second / step,
        "bytes_share": bytes_share,
    }


def _evaluation(experiment: Experiment, trainer: Trainer, timings: dict[Hashable, Timing]) -> dict[str, float]:
    """The time of an evaluation, estimated from its first batch, and its share of the training between evaluations."""
    batch = len(next(iter(trainer.test))[1])
    images = sum(len(labels) for batches in (trainer.clean, trainer.test) for _, labels in batches)
    seconds = timings[EVALUATION].median * images / batch
    steps = experiment.steps_of(experiment.training.evaluate_every)
    return {"evaluation_seconds": seconds, "evaluation_share": seconds / (steps * timings[OURS].median)}
