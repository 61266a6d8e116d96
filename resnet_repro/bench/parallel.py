"""Several runs side by side on one machine, each in a process of its own: what they train together."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError

import torch

from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.bench.rounds import synchronizer
from resnet_repro.errors import RunError
from resnet_repro.spec import DataSpec, Experiment
from resnet_repro.training.device import usable_cores

IMAGES = 5000  # of each run, as many of them share the memory
CHUNK = 5  # steps between two looks at the clock, for which a GPU has to finish
START_SECONDS = 300.0  # within which all runs must be ready


def parallel_runs(device: torch.device) -> list[int]:
    """1, 2, 4, ... up to the cores, or to 8 on a GPU."""
    most = usable_cores() if device.type == "cpu" else 8
    return sorted({2**power for power in range(most.bit_length())} | {most})


def images_per_second(experiment: Experiment, device: torch.device, runs: int, seconds: float) -> float:
    """Of all `runs` together, which start at the same moment; on a CPU they divide its cores. Raises RunError."""
    data = DataSpec(dataset="synthetic", train_images=max(IMAGES, experiment.training.batch_size), test_images=1000)
    small = experiment.model_copy(
        update={"data": data.model_copy(update={"augmentation": experiment.data.augmentation})}
    )
    threads = max(usable_cores() // runs, 1)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(runs)
    with ProcessPoolExecutor(runs, context, _share, (barrier,)) as pool:
        futures = [pool.submit(_train, small, str(device), threads, seconds) for _ in range(runs)]
        failures = [failure for future in futures if (failure := future.exception())]
    if failures:
        cause = next((failure for failure in failures if not isinstance(failure, BrokenBarrierError)), failures[0])
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise RunError(f"{runs} runs side by side: one of them failed: {reason}")
    return sum(future.result() for future in futures)


_barrier: Barrier | None = None  # of this process, as it can only be handed over when a process starts


def _share(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _train(experiment: Experiment, device_name: str, threads: int, seconds: float) -> float:
    """One run, in its own process: images per second from the common start on."""
    assert _barrier
    try:
        torch.set_num_threads(threads)
        device = torch.device(device_name)
        step, synchronize = training_step(bench_trainer(experiment, device)), synchronizer(device)
        for _ in range(2):
            step()
        synchronize()
        _barrier.wait(START_SECONDS)
    except BaseException:
        _barrier.abort()  # or the others would wait
        raise
    began, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - began < seconds:
        for _ in range(CHUNK):
            step()
        synchronize()
        steps += CHUNK
    return steps * experiment.training.batch_size / (time.perf_counter() - began)
