"""Estimates how long runs take, from a few training steps on the device."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import torch

from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.bench.specs import residual_net
from resnet_repro.describe import describe
from resnet_repro.launch.slots import Slot
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import overridden
from resnet_repro.text_tables import counted
from resnet_repro.training.device import device_name
from resnet_repro.training.timing import always, interleaved, synchronizer

DEPTH = 20
LARGEST_BATCH = 128  # keeps the measurement to seconds
MEASURED_SECONDS = 1.5


class Rate(NamedTuple):
    """The speed of a device, and how it was measured."""

    multiply_adds_per_second: float
    measured: str


def measure_rate(slot: Slot, like: Experiment) -> Rate:
    """Train a ResNet-20 for a few steps in `slot`, with the batch size and precision of the experiment `like`."""
    batch_size = min(like.training.batch_size, LARGEST_BATCH)
    settings = [f"training.batch_size={batch_size}", f"training.precision={like.training.precision}"]
    small = ["data.dataset=synthetic", f"data.train_images={batch_size}", "data.test_images=1"]
    experiment, device = overridden(residual_net(DEPTH), settings + small), torch.device(slot.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(slot.threads)
    try:
        step = training_step(bench_trainer(experiment, device))
        timing = interleaved({DEPTH: always(step, MEASURED_SECONDS)}, 1, synchronizer(device))[DEPTH]
        where = device_name(device)
    finally:
        torch.set_num_threads(threads)
    work = 3 * describe(experiment).multiply_adds * batch_size
    steps, images = counted(timing.steps, "training step"), counted(batch_size, "image")
    return Rate(work / timing.median, f"{steps} of ResNet-{DEPTH} with {images} on {where}")


def side_by_side_ends(seconds: Sequence[float], slots: int) -> list[float]:
    """The times in seconds at which runs that take `seconds` each end, if each starts in the first free slot."""
    free = [0.0] * slots
    ends = []
    for run in seconds:
        ends.append(free[0] + run)
        heapq.heapreplace(free, ends[-1])
    return ends
