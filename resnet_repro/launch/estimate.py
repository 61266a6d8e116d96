"""How long runs may take, from a few training steps on the device."""

import heapq
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from resnet_repro.describe import describe
from resnet_repro.launch.slots import Slot
from resnet_repro.runner import Session, build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.spec.training import PAPER_STEPS
from resnet_repro.training.device import device_name

DEPTH = 20
LARGEST_BATCH = 128  # so that the measurement takes seconds
MEASURED_SECONDS = 1.5


class Rate(NamedTuple):
    """What a device does, and how that was found."""

    multiply_adds_per_second: float
    measured: str


def measure_rate(slot: Slot, like: Experiment) -> Rate:
    """Train a ResNet-20 for a moment as a run in `slot` would, at the batch size and precision of `like`.

    A step, and half a second more, go by before the clock starts: first steps prepare what later ones use.
    """
    batch_size = min(like.training.batch_size, LARGEST_BATCH)
    experiment = _resnet(batch_size, like.training.precision)
    threads = torch.get_num_threads()
    torch.set_num_threads(slot.threads)
    try:
        steps, seconds = _time_steps(experiment, torch.device(slot.device))
        where = device_name(torch.device(slot.device))
    finally:
        torch.set_num_threads(threads)
    work = 3 * describe(experiment).multiply_adds * batch_size * steps
    return Rate(work / seconds, f"{steps} training steps of ResNet-{DEPTH} with {batch_size} images on {where}")


def side_by_side_seconds(seconds: Sequence[float], slots: int) -> float:
    """When the last of runs that take `seconds` each ends, if every one goes to the first slot that is free."""
    free = [0.0] * slots
    for run in seconds:
        heapq.heapreplace(free, free[0] + run)
    return max(free)


def _resnet(batch_size: int, precision: str) -> Experiment:
    never = PAPER_STEPS
    training = {"batch_size": batch_size, "precision": precision, "evaluate_every": never, "record_every": never}
    data = {"dataset": "synthetic", "train_images": batch_size, "test_images": 1}
    return Experiment.model_validate({"name": "rate", "model": {"depth": DEPTH}, "data": data, "training": training})


def _time_steps(experiment: Experiment, device: torch.device) -> tuple[int, float]:
    """Steps, and the seconds they took. Looking at the losses waits until the device has done them."""
    dataset = Session(Path(), Path(), device).dataset(experiment.data)
    trainer = build_trainer(experiment, dataset, device)
    began, first = time.perf_counter(), 0
    for _ in trainer.run():
        passed = time.perf_counter() - began
        if not first and passed > MEASURED_SECONDS / 3:
            trainer.recent()
            began, first = time.perf_counter(), trainer.step
        elif first and passed > MEASURED_SECONDS:
            break
    trainer.recent()
    return trainer.step - first, time.perf_counter() - began
