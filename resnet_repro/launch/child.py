"""A process of the queue, seen from the queue: how it is started, what it is sent, how it ended."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import NamedTuple

from resnet_repro.launch.request import Request
from resnet_repro.launch.slots import Slot, is_cuda
from resnet_repro.launch.tracking import Tracked
from resnet_repro.launch.worker import LOST_DEVICE, Assignment, work
from resnet_repro.runner.signals import signals_that_stop

# How many streams a GPU works on at once without making some wait for others; CUDA's own default is 8.
CONNECTIONS = {"CUDA_DEVICE_MAX_CONNECTIONS": "32"}


class Place(NamedTuple):
    """A run, and the slot that it trains in."""

    run: Tracked
    slot: Slot


class Child:
    """A process, and the runs that train in it: one, or all those of a GPU."""

    def __init__(self, slot: Slot, request: Request) -> None:
        """Raises OSError where no process can be started."""
        self.slot = slot
        self.places: dict[str, Place] = {}
        self.takes_more = True
        self.is_dismissed = False
        self.pipe, theirs = multiprocessing.Pipe()
        spawning = multiprocessing.get_context("spawn")
        self.process = spawning.Process(target=work, args=(slot, request, theirs), daemon=True)
        variables = {"OMP_NUM_THREADS": str(slot.threads)} | (CONNECTIONS if is_cuda(slot.device) else {})
        with theirs, _birth(variables):
            self.process.start()
        # `theirs` is closed here, so that the pipe ends when the process does

    def can_take(self, slot: Slot) -> bool:
        """Whether a run in this slot is another thread of this process."""
        return slot.shared and slot.device == self.slot.device and self.takes_more and self.process.is_alive()

    def take(self, run: Tracked, slot: Slot, urgent: bool) -> None:
        """Raises OSError if the process has died."""
        self.pipe.send(Assignment(run.task.experiment, urgent))
        self.places[run.label] = Place(run, slot)
        self.takes_more = slot.shared

    def dismiss(self) -> None:
        """Have the process end, as its runs have."""
        self.takes_more, self.is_dismissed = False, True
        with suppress(OSError):  # it has died
            self.pipe.send(None)

    def join(self) -> str:
        """Wait for its end, and say how it ended."""
        self.pipe.close()
        self.process.join()
        words = _last_words(self.process.exitcode or 0)
        self.process.close()
        return words


@contextmanager
def _birth(variables: Mapping[str, str]) -> Iterator[None]:
    """What a new process takes over from this one: variables, and stop signals that wait until it can obey."""
    resource_tracker.ensure_running()  # starts with the first process otherwise, and would unblock the signals
    before = {name: os.environ.get(name) for name in variables}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals_that_stop())
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _last_words(exit_code: int) -> str:
    if exit_code == LOST_DEVICE:
        return "another run left the GPU unusable to its process; the same command goes on"
    if exit_code >= 0:
        return f"its process ended with exit code {exit_code} and said nothing"
    name = signal.Signals(-exit_code).name
    hint = "; the system does so when memory runs out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"
