"""Measures training on the CPU beside busy processes, by how long OpenMP's waiting threads spin before they sleep."""

import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch

from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.bench.specs import with_few_images
from resnet_repro.runner.processes import with_variables
from resnet_repro.spec import Experiment
from resnet_repro.training.device import usable_cores
from resnet_repro.training.threads import SPINS

LONG_WAITS, SHORT_WAITS, SIDE_BY_SIDE = "long waits", "short waits", "side by side"
ROUNDS = 3
READY_SECONDS = 300.0


def shared_speeds(experiment: Experiment, busy: Sequence[int], seconds: float) -> dict[int, dict[str, float]]:
    """Images per second beside each number of `busy` processes, of three ways to train on the cores that there are.

    "long waits" and "short waits" are a run with a thread for each core, with OpenMP's own limit for spinning and with
    the one in force here. "side by side" are as many runs of one thread, together. The ways take turns; the median of
    ROUNDS turns counts. The busy processes are each in a session of their own, as programs of other windows are.
    """
    small, cores = with_few_images(experiment), usable_cores()
    turn = seconds / (ROUNDS * len(busy) * 3)
    here = os.environ.get(SPINS)
    with ExitStack() as running:
        ways = {
            LONG_WAITS: [running.enter_context(_trainer(small, cores, spins=None))],
            SHORT_WAITS: [running.enter_context(_trainer(small, cores, spins=here))],
            SIDE_BY_SIDE: [running.enter_context(_trainer(small, 1, spins=here)) for _ in range(cores)],
        }
        speeds = {}
        for number in busy:
            with ExitStack() as disturbing:
                for _ in range(number):
                    disturbing.enter_context(_process(_be_busy))
                turns = [{way: _images_per_second(pipes, turn) for way, pipes in ways.items()} for _ in range(ROUNDS)]
            speeds[number] = {way: statistics.median(speed[way] for speed in turns) for way in ways}
    return speeds


def _images_per_second(trainers: Sequence[Connection], seconds: float) -> float:
    """Images per second of the trainers together, which train for so many seconds at the same time."""
    for pipe in trainers:
        pipe.send(seconds)
    return sum(pipe.recv() for pipe in trainers)


@contextmanager
def _trainer(experiment: Experiment, threads: int, spins: str | None) -> Iterator[Connection]:
    """The pipe to a process which trains for as many seconds as it gets, and answers with its images per second."""
    with ExitStack() as running:
        with with_variables({SPINS: spins}):
            pipe = running.enter_context(_process(_train, experiment, threads))
        assert pipe.poll(READY_SECONDS), "the training process does not start"
        pipe.recv()
        yield pipe


@contextmanager
def _process(target: object, *arguments: object) -> Iterator[Connection]:
    """The pipe to a new process, which runs target(pipe, *arguments) and is killed at the end."""
    ends: tuple[Any, Any] = multiprocessing.Pipe()  # Connections, or on Windows PipeConnections, which work alike
    ours, theirs = ends
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *arguments), daemon=True)  # type: ignore[arg-type]  # any function
    with theirs:
        process.start()
    try:
        yield ours
    finally:
        process.kill()
        process.join()


def _train(queue: Connection, experiment: Experiment, threads: int) -> None:
    torch.set_num_threads(threads)
    step = training_step(bench_trainer(experiment, torch.device("cpu")))
    step()
    queue.send(None)
    while True:
        seconds, began, steps = queue.recv(), time.perf_counter(), 0
        while steps == 0 or time.perf_counter() - began < seconds:
            step()
            steps += 1
        queue.send(experiment.training.batch_size * steps / (time.perf_counter() - began))


def _be_busy(queue: Connection) -> None:
    if hasattr(os, "setsid"):
        os.setsid()
    while True:
        pass
