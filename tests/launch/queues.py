"""Queues of runs on the CPU for tests, and boards that act when a run sends an event."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from resnet_repro.launch.board import Board
from resnet_repro.launch.queue import Queue
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import Event, LogLine, QueuedRun
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.runner.options import TrainOptions
from resnet_repro.spec import Experiment

LONG = ("training.steps=100000", "training.evaluate_every=100000")  # overrides of a run that does not finish by itself


def queued(results: Path, experiments: Sequence[Experiment]) -> list[QueuedRun]:
    return [QueuedRun(Task(run, "new"), RunFolder(results, run).log) for run in experiments]


def options(results: Path, kind: type[TrainOptions] = TrainOptions, deadline: float = float("inf")) -> TrainOptions:
    return kind(results, Path("data"), "cpu", deadline=deadline)


def make_queue(
    runs: Sequence[QueuedRun], options: TrainOptions, board: Board, slots: int | None = None, shared: bool = False
) -> Queue:
    """A queue with a slot for each run, or `slots` of them; with `shared` the runs are threads of one process."""
    return Queue(runs, [Slot("cpu", 1, shared)] * (slots or len(runs)), options, board)


class Interrupter(Board):
    """Sends SIGINT to this process when the first run starts, while others may still be importing torch."""

    has_sent = False

    def received(self, run: QueuedRun, event: Event) -> None:
        if isinstance(event, LogLine) and not self.has_sent:
            self.has_sent = True
            signal.raise_signal(signal.SIGINT)


class InsistentInterrupter(Board):
    """Suspends a process of the queue, so that it cannot stop, and sends SIGINT to this process twice."""

    queue: Queue
    sent = 0.0

    def received(self, run: QueuedRun, event: Event) -> None:
        if isinstance(event, Row) and not self.sent:
            os.kill(self.queue.children[0].process.pid or 0, signal.SIGSTOP)
            signal.raise_signal(signal.SIGINT)
            self.sent = time.monotonic()

    def refresh(self) -> None:
        if self.sent and time.monotonic() - self.sent > 1.1:
            self.sent = float("inf")
            signal.raise_signal(signal.SIGINT)


class Recorder(Board):
    """Records the processes of the queue, the lines of each run, and the most runs at a time."""

    queue: Queue

    def __init__(self) -> None:
        self.processes: set[int | None] = set()
        self.lines: dict[str, list[str]] = {}
        self.most = 0

    def received(self, run: QueuedRun, event: Event) -> None:
        self.processes |= {child.process.pid for child in self.queue.children}
        self.most = max(self.most, sum(len(child.places) for child in self.queue.children))
        if isinstance(event, LogLine):
            self.lines.setdefault(run.label, []).append(event.text)
