"""The process of one run: it trains, prints into the run's log, and tells the queue how it goes."""

import logging
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from resnet_repro.errors import ReproError, print_error
from resnet_repro.launch.request import Request
from resnet_repro.launch.run_log import RunLog
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tracking import Ended, Event, Failed, Line
from resnet_repro.metrics import Row
from resnet_repro.progress import LineWatcher, Sampler
from resnet_repro.runner import train_run
from resnet_repro.spec import Experiment
from resnet_repro.stopping import signals_that_stop
from resnet_repro.training.loop import Trainer


@dataclass(frozen=True)
class Assignment:
    """What one process is to do."""

    experiment: Experiment
    slot: Slot
    request: Request


def work(assignment: Assignment, events: Connection) -> None:
    """Train one run. However that ends short of a kill, the queue is told.

    The process begins with `signals_that_stop` blocked: one that comes while torch and the data are loaded waits until
    training can be stopped with a checkpoint. One that comes when the run is written down has come too late.
    """
    for number in signals_that_stop():
        signal.signal(number, lambda *_: None)
    tell = Teller(events)
    request = assignment.request
    try:
        log = RunLog(request.folder(assignment.experiment).log)
        _log_notices()
        torch.set_num_threads(assignment.slot.threads)
        session = request.session(assignment.slot.device)
        if session.device.type == "cuda":
            torch.cuda.set_device(session.device)
        tell(Ended(train_run(assignment.experiment, session, TellingWatcher(tell, log), request.restart)))
    except ReproError as error:
        print_error(str(error))
        tell(Failed(str(error)))
    except Exception as error:
        traceback.print_exc()
        tell(Failed(" ".join(f"{type(error).__name__}: {error}".split())[:300]))


class Teller:
    """Sends events to the queue. Once the queue is gone, this process gets the signal that stops it resumably."""

    def __init__(self, events: Connection) -> None:
        self.events = events
        self.unheard = False

    def __call__(self, event: Event) -> None:
        if self.unheard:
            return
        try:
            self.events.send(event)
        except OSError:
            self.unheard = True
            os.kill(os.getpid(), signal.SIGTERM)


class TellingWatcher(LineWatcher):
    """Prints lines, into the log, and sends them and the numbers in them."""

    def __init__(self, tell: Callable[[Event], None], log: RunLog) -> None:
        self.tell = tell
        self.log = log

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        self.log.survive_restart()
        self.sampler = Sampler(trainer)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals_that_stop())
        with super().watching(experiment, trainer):
            yield

    def stepped(self, trainer: Trainer) -> None:
        if sample := self.sampler(trainer):
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
