"""Our training step, the same as in `train`, and the share of its time outside the engine."""

import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from resnet_repro.bench.specs import random_images
from resnet_repro.record.folder import RunFolder
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.training.engine import BatchMetrics
from resnet_repro.training.loop import Trainer

ENDLESS = 1_000_000  # steps, more than any measurement takes


def bench_trainer(experiment: Experiment, device: torch.device, compiled: bool = False) -> Trainer:
    """The run of an experiment on random images and from random weights, without end, evaluations and rows."""
    cadence = {"steps": ENDLESS, "evaluate_every": ENDLESS, "record_every": ENDLESS}
    training = experiment.training.model_copy(update=cadence)
    endless = experiment.model_copy(update={"training": training, "start": None})
    return build_trainer(endless, random_images(experiment.data), device, compiled)


def training_step(trainer: Trainer) -> Callable[[], None]:
    """A function that takes one training step: draw, load, augment, forward, backward, update."""
    numbers = count()
    return lambda: trainer.stepper(next(numbers), trainer.schedule.learning_rate)


def outside_share(trainer: Trainer, experiment: Experiment, steps: int) -> float | None:
    """The share of a run's time, without evaluations, that is not forward, backward or update; None on a GPU.

    It times `steps` steps of the real loop, of which the last writes a row to disk. A row's time is divided among the
    steps between two rows. A GPU runs in parallel with the host, so there is no such share.
    """
    if trainer.engine.device.type != "cpu":
        return None
    trainer.record_every = trainer.step + 1 + steps
    with tempfile.TemporaryDirectory() as folder:
        outside, inside = _timed_run(trainer, RunFolder(Path(folder), experiment), steps)
    each = statistics.mean(outside[:-1])
    row = max(outside[-1] - each, 0.0)
    each += row / experiment.steps_of(experiment.training.record_every)
    return each / (each + statistics.mean(inside))


def _timed_run(trainer: Trainer, folder: RunFolder, steps: int) -> tuple[list[float], list[float]]:
    """Seconds of each step outside the engine and inside it, after a first step that is not counted."""
    engine, inside, outside = trainer.engine, [0.0], [0.0]
    train_step = engine.train_step

    def timed(images: Tensor, labels: Tensor, learning_rate: float | Tensor) -> BatchMetrics:
        began = time.perf_counter()
        outcome = train_step(images, labels, learning_rate)
        inside.append(time.perf_counter() - began)
        return outcome

    folder.begin({})
    run = trainer.run()
    next(run)
    engine.train_step = timed  # type: ignore[method-assign]  # for this run alone
    try:
        for _ in range(steps):
            began = time.perf_counter()
            if row := next(run, None):
                folder.append(row)
            outside.append(time.perf_counter() - began - inside[-1])
    finally:
        del engine.train_step  # uncovers the method
    return outside[1:], inside[1:]
