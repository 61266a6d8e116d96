"""Trains the runs of a child process, each in its own thread, and sends their events to the queue."""

import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Literal, NamedTuple

import torch

from resnet_repro.errors import ReproError, print_error, summary_of
from resnet_repro.launch.run_log import RunLog, separate_threads
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tracking import Ended, Event, Failed, LogLine, Memory
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.progress import REFRESH_SECONDS, LineWatcher, ProgressMeter
from resnet_repro.runner.signals import let_through, signals_that_stop, stop_signals
from resnet_repro.runner.train import train_run
from resnet_repro.spec import Experiment
from resnet_repro.training.device import is_lost
from resnet_repro.training.loop import Trainer
from resnet_repro.training.streams import LAUNCHING, own_stream

STOP: Literal["stop"] = "stop"  # the message by which the queue stops the runs of a process
LOST_DEVICE = 75  # exit code of a process that can no longer use its GPU
SWITCH_SECONDS = 0.0005  # between threads, instead of 5 ms: a run that starts should not delay those that train


class Assignment(NamedTuple):
    """A run for a process to train."""

    experiment: Experiment
    urgent: bool = False  # its kernels have priority on the GPU


class EventSender:
    """Sends the events of all runs to the queue, as long as the queue is there."""

    def __init__(self, queue: Connection) -> None:
        self.queue = queue
        self.sending = threading.Lock()

    def __call__(self, run: str, event: Event) -> None:
        with self.sending, suppress(OSError):
            self.queue.send((run, event))


def work(slot: Slot, options: TrainOptions, queue: Connection) -> None:
    """Train the runs that the queue sends until it sends None. If it sends STOP or is gone, stop them resumably.

    The process starts with its signals `held_back`, so that one during the import of torch waits until it can be
    handled. Only the main thread receives signals; the runs ask it between two steps whether to stop. Signals after
    the runs are recorded are ignored.
    """
    for number in signals_that_stop():
        signal.signal(number, lambda *_: None)
    separate_threads()
    log_notices()
    torch.set_num_threads(slot.threads)
    sys.setswitchinterval(SWITCH_SECONDS)
    options = replace(options, device=slot.device)
    stop = threading.Event()
    with stop_signals(options.deadline) as signalled:
        let_through()
        worker = Worker(options, EventSender(queue), lambda: stop.is_set() or signalled())
        threads = []
        try:
            for assignment in _assignments(queue, stop):
                name = assignment.experiment.label
                threads.append(threading.Thread(target=worker.train, args=(assignment,), name=name, daemon=True))
                threads[-1].start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:  # a second signal: exit without waiting for the threads
            os._exit(130)


def _assignments(queue: Connection, stop: threading.Event) -> Iterator[Assignment]:
    """Yield what the queue sends; set `stop` if it asks for that or is gone. Waits briefly, to notice signals."""
    message: Assignment | Literal["stop"] | None
    try:
        while True:
            if queue.poll(REFRESH_SECONDS):
                if (message := queue.recv()) is None:
                    return
                if message == STOP:
                    break
                yield message
    except (EOFError, OSError):
        pass
    stop.set()


class Worker:
    """What the runs of this process share."""

    def __init__(self, options: TrainOptions, send: Callable[[str, Event], None], stopped: Callable[[], bool]) -> None:
        self.options = options
        self.device = torch.device(options.device)
        self.datasets = Datasets(options.data_dir)
        self.send = send
        self.stopped = stopped

    def train(self, assignment: Assignment) -> None:
        """Train one run in this thread, free its memory and tell the queue how it ended.

        If the GPU is lost, the process ends: no run in it can go on.
        """
        label = assignment.experiment.label
        event = self._trained(assignment)
        with suppress(RuntimeError):  # of a lost GPU; the queue must get the event all the same
            free_memory(self.device)
        lost = is_lost(self.device)
        self.send(label, event._replace(lost=lost) if isinstance(event, Failed) else event)
        if lost:
            os._exit(LOST_DEVICE)

    def _trained(self, assignment: Assignment) -> Ended | Failed:
        experiment = assignment.experiment
        try:
            log = RunLog(RunFolder(self.options.results, experiment).log)
        except ReproError as error:  # only the queue prints it, once
            return Failed(str(error))
        try:
            watcher = SendingWatcher(partial(self.send, experiment.label), log)
            on_cuda = self.device.type == "cuda"
            with own_stream(self.device, -assignment.urgent) if on_cuda else nullcontext():
                return Ended(train_run(experiment, self.options, watcher, self.datasets, self.stopped))
        except ReproError as error:
            print_error(str(error))
            return Failed(str(error))
        except BaseException as error:
            traceback.print_exc()
            return Failed(summary_of(error))


def free_memory(device: torch.device) -> None:
    """Return unused memory to the GPU; torch would keep it for the run's own stream, which no other run uses."""
    gc.collect()
    if device.type == "cuda":
        with LAUNCHING:  # memory must not be freed while another run is captured in a graph
            torch.cuda.empty_cache()


class SendingWatcher(LineWatcher):
    """Prints lines into the log, and sends them and the numbers to the queue."""

    def __init__(self, send: Callable[[Event], None], log: RunLog) -> None:
        self.send = send
        self.log = log

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        self.log.survive_restart()
        self.meter = ProgressMeter(trainer)
        with super().watching(experiment, trainer):
            yield

    def stepped(self, trainer: Trainer) -> None:
        if not (progress := self.meter(trainer)):
            return
        if (device := trainer.engine.device).type == "cuda":
            self.send(Memory(torch.cuda.mem_get_info(device)[0], torch.cuda.memory_reserved(device)))
        self.send(progress)

    def recorded(self, row: Row) -> None:
        self.send(row)
        super().recorded(row)

    def say(self, text: str) -> None:
        super().say(text)
        self.send(LogLine(f"{self.label}: {text}"))


def log_notices() -> None:
    """Write the package's own notices, such as a fallback of the engine, into the log of their run."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    notices = logging.getLogger("resnet_repro")
    notices.addHandler(handler)
    notices.setLevel(logging.INFO)
