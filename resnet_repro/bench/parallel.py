"""Measures how fast several runs side by side on one machine train together.

On CUDA they are threads of one process, each with its own stream. Elsewhere each is a process.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import synchronize as processes

import torch

from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.bench.specs import with_few_images
from resnet_repro.errors import RunError
from resnet_repro.spec import Experiment
from resnet_repro.training.device import usable_cores
from resnet_repro.training.streams import own_stream
from resnet_repro.training.timing import Step, synchronizer

CHUNK = 5  # steps between two checks of the clock, at which the host waits for a GPU
START_SECONDS = 300.0  # all runs must be ready within this time


def parallel_runs(device: torch.device) -> list[int]:
    """The numbers of runs to measure: 1, 2, 4, ... up to the number of cores, or up to 8 on a GPU."""
    most = usable_cores() if device.type == "cpu" else 8
    return sorted({2**power for power in range(most.bit_length())} | {most})


def images_per_second(experiment: Experiment, device: torch.device, runs: int, seconds: float) -> float:
    """Images per second of `runs` simultaneous runs together; on a CPU they share its cores. Raises RunError."""
    small = with_few_images(experiment)
    if device.type == "cuda":
        steps = [training_step(bench_trainer(small, device)) for _ in range(runs)]
        return experiment.training.batch_size * sum(steps_per_second(steps, device, seconds))
    threads = max(usable_cores() // runs, 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(runs, context, _share, (context.Barrier(runs),)) as pool:
        return sum(_results([pool.submit(_train, small, str(device), threads, seconds) for _ in range(runs)]))


def steps_per_second(steps: Sequence[Step], device: torch.device, seconds: float) -> list[float]:
    """Steps per second of each run, all side by side in threads of this process. Raises RunError."""
    barrier = threading.Barrier(len(steps))

    def work(step: Step) -> float:
        with _stream(device) as synchronize:
            return _rate(step, synchronize, barrier, seconds)

    synchronizer(device)()  # the steps were built on another stream
    with ThreadPoolExecutor(len(steps)) as pool:
        return _results([pool.submit(work, step) for step in steps])


@contextmanager
def _stream(device: torch.device) -> Iterator[Callable[[], None]]:
    """On CUDA, a stream for this thread. Yields a function that waits for this thread's work."""
    if device.type != "cuda":
        yield synchronizer(device)
        return
    with own_stream(device) as stream:
        yield stream.synchronize


def _rate(
    step: Step, synchronize: Callable[[], None], barrier: threading.Barrier | processes.Barrier, seconds: float
) -> float:
    """Steps per second, counted from the moment when all runs are ready."""
    try:
        for _ in range(2):
            step()
        synchronize()
        barrier.wait(START_SECONDS)
    except BaseException:
        barrier.abort()  # otherwise the others would wait
        raise
    began, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - began < seconds:
        for _ in range(CHUNK):
            step()
        synchronize()
        steps += CHUNK
    return steps / (time.perf_counter() - began)


def _results(runs: Sequence[Future[float]]) -> list[float]:
    """Wait for all runs. Raises RunError with the cause if one failed, which makes the others fail too."""
    failures = [failure for run in runs if (failure := run.exception())]
    if failures:
        causes = [failure for failure in failures if not isinstance(failure, threading.BrokenBarrierError)]
        cause = (causes or failures)[0]
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise RunError(f"{len(runs)} runs side by side: one of them failed: {reason}")
    return [run.result() for run in runs]


_barrier: processes.Barrier | None = None  # of this process; it can only be passed when the process starts


def _share(barrier: processes.Barrier) -> None:
    global _barrier
    _barrier = barrier


def _train(experiment: Experiment, device_name: str, threads: int, seconds: float) -> float:
    """Images per second of one run in its own process."""
    assert _barrier
    try:
        torch.set_num_threads(threads)
        device = torch.device(device_name)
        step = training_step(bench_trainer(experiment, device))
    except BaseException:
        _barrier.abort()
        raise
    return experiment.training.batch_size * _rate(step, synchronizer(device), _barrier, seconds)
