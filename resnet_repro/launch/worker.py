"""The process in which runs train, each in a thread of its own: they print into their logs and tell how they go."""

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
from typing import NamedTuple

import torch

from resnet_repro.errors import ReproError, print_error
from resnet_repro.launch.request import Request
from resnet_repro.launch.run_log import RunLog, separate_threads
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tracking import Ended, Event, Failed, Line, Memory
from resnet_repro.record.rows import Row
from resnet_repro.runner.progress import REFRESH_SECONDS, LineWatcher, Sampler
from resnet_repro.runner.signals import signals_that_stop, stop_signals
from resnet_repro.runner.train import Session, train_run
from resnet_repro.spec import Experiment
from resnet_repro.training.capture import CAPTURING
from resnet_repro.training.loop import Trainer

LOST_DEVICE = 75  # the exit code where a run left its GPU unusable to the others of the process
SWITCH_SECONDS = 0.0005  # a run that starts computes in Python, and those that train should not wait 5 ms for it

Tell = Callable[[Event], None]


class Assignment(NamedTuple):
    """A run for a process to train."""

    experiment: Experiment
    urgent: bool = False  # on a GPU, its kernels go before those of other runs


def work(slot: Slot, request: Request, queue: Connection) -> None:
    """Train the runs that the queue sends, until it sends None or is gone, which stops them resumably.

    The process begins with `signals_that_stop` blocked: one that comes while torch is loaded waits until it can be
    obeyed. Signals come to the main thread, which does nothing but wait; the runs ask it between two steps. One that
    comes when all runs are written down has come too late.
    """
    for number in signals_that_stop():
        signal.signal(number, lambda *_: None)
    separate_threads()
    _log_notices()
    torch.set_num_threads(slot.threads)
    sys.setswitchinterval(SWITCH_SECONDS)
    gone = threading.Event()
    with stop_signals(request.deadline) as asked:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals_that_stop())
        session = replace(request.session(slot.device), stopped=lambda: gone.is_set() or asked())
        teller = Teller(queue)
        threads = []
        try:
            for assignment in _assignments(queue, gone):
                tell = partial(teller, assignment.experiment.label)
                train = partial(_train, assignment, session, request, tell)
                threads.append(threading.Thread(target=train, name=assignment.experiment.label, daemon=True))
                threads[-1].start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:  # the second signal, which waits for no thread
            os._exit(130)


def _assignments(queue: Connection, gone: threading.Event) -> Iterator[Assignment]:
    """What the queue sends. Looks up often, as a signal may have come to another thread."""
    try:
        while True:
            if queue.poll(REFRESH_SECONDS):
                if (assignment := queue.recv()) is None:
                    return
                yield assignment
    except (EOFError, OSError):
        gone.set()


def _train(assignment: Assignment, session: Session, request: Request, tell: Tell) -> None:
    """One run in this thread. However it ends, it gives its memory back, and the queue is told."""
    event = _outcome(assignment, session, request, tell)
    _free_memory(session.device)
    if isinstance(event, Failed) and _is_lost(session.device):
        tell(event._replace(lost=True))
        os._exit(LOST_DEVICE)
    tell(event)


def _outcome(assignment: Assignment, session: Session, request: Request, tell: Tell) -> Ended | Failed:
    try:
        log = RunLog(request.folder(assignment.experiment).log)
        with _own_stream(session.device, assignment.urgent):
            return Ended(train_run(assignment.experiment, session, TellingWatcher(tell, log), request.restart))
    except ReproError as error:
        print_error(str(error))
        return Failed(str(error))
    except BaseException as error:
        traceback.print_exc()
        return Failed(" ".join(f"{type(error).__name__}: {error}".split())[:300])


@contextmanager
def _own_stream(device: torch.device, urgent: bool) -> Iterator[None]:
    """What this thread computes on a GPU goes in order, beside what other threads compute there."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with torch.cuda.stream(torch.cuda.Stream(device, priority=-urgent)) if device.type == "cuda" else nullcontext():
        yield


def _free_memory(device: torch.device) -> None:
    """Give back what no run holds: torch keeps it for the stream that it was freed on, which no other run uses."""
    gc.collect()
    if device.type == "cuda":
        with CAPTURING:  # nothing may be freed while another run is captured
            torch.cuda.empty_cache()


def _is_lost(device: torch.device) -> bool:
    """Whether nothing in this process can use the GPU any more, as after an illegal access to memory."""
    try:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()
    except RuntimeError:
        return True
    return False


class Teller:
    """Sends the events of all runs to the queue, as long as it is there."""

    def __init__(self, queue: Connection) -> None:
        self.queue = queue
        self.turn = threading.Lock()

    def __call__(self, run: str, event: Event) -> None:
        with self.turn, suppress(OSError):
            self.queue.send((run, event))


class TellingWatcher(LineWatcher):
    """Prints lines, into the log, and sends them and the numbers in them."""

    def __init__(self, tell: Tell, log: RunLog) -> None:
        self.tell = tell
        self.log = log

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        self.log.survive_restart()
        self.sampler = Sampler(trainer)
        with super().watching(experiment, trainer):
            yield

    def stepped(self, trainer: Trainer) -> None:
        if not (sample := self.sampler(trainer)):
            return
        if (device := trainer.engine.device).type == "cuda":
            self.tell(Memory(torch.cuda.mem_get_info(device)[0], torch.cuda.memory_reserved(device)))
        self.tell(sample)

    def recorded(self, row: Row) -> None:
        self.tell(row)
        super().recorded(row)

    def say(self, text: str) -> None:
        super().say(text)
        self.tell(Line(f"{self.label}: {text}"))


def _log_notices() -> None:
    """The package's own notices, such as a fallback of the engine, go into the log as well."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    notices = logging.getLogger("resnet_repro")
    notices.addHandler(handler)
    notices.setLevel(logging.INFO)
