"""A child process of the queue, in which runs train: starts it, sends it runs, and learns how it ended."""

import math
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import ModuleType
from typing import NamedTuple

from resnet_repro.launch.slots import Slot, is_cuda
from resnet_repro.launch.tracking import Event, QueuedRun
from resnet_repro.launch.worker import LOST_DEVICE, STOP, Assignment, work
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.processes import with_variables
from resnet_repro.runner.signals import held_back

CRASH_SIGNALS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
# How many streams a GPU can work on at once before some wait for others; CUDA's default is 8.
CONNECTIONS = {"CUDA_DEVICE_MAX_CONNECTIONS": "32"}
STUCK_SECONDS = 120.0  # after which a process that uses a GPU and was told to stop has hung: 100 steps, two evaluations
# Ends of a process that another one may well be spared. SIGKILL is none: memory has run out, or somebody wanted it.
CRASHES = {LOST_DEVICE, *(-getattr(signal, name) for name in CRASH_SIGNALS if hasattr(signal, name))}


class Place(NamedTuple):
    """A run and the slot in which it trains."""

    run: QueuedRun
    slot: Slot


class Child:
    """A process and the runs that train in it: one run, or all runs of a GPU."""

    def __init__(self, slot: Slot, options: TrainOptions, shared: bool) -> None:
        """Start the process, for one run or, if `shared`, for several. Raises OSError if that fails."""
        self.slot, self.shared = slot, shared
        self.places: dict[str, Place] = {}
        self.takes_more = True
        self.is_dismissed = False
        self.stopped = math.inf  # the time at which it was told to stop
        self.crashed = False  # whether it has ended in one of CRASHES
        self.pipe, theirs = multiprocessing.Pipe()
        spawning = multiprocessing.get_context("spawn")
        self.process = spawning.Process(target=work, args=(slot, options, theirs), daemon=True)
        variables = {"OMP_NUM_THREADS": str(slot.threads)} | (CONNECTIONS if is_cuda(slot.device) else {})
        with theirs, _inherited(variables), _without_main():
            self.process.start()
        # `theirs` is closed in this process, so that the pipe ends when the child does

    def can_take(self, slot: Slot) -> bool:
        """Whether a run in this slot can train as another thread of this process."""
        return self.shared and slot.device == self.slot.device and self.takes_more and self.process.is_alive()

    def take(self, run: QueuedRun, slot: Slot, urgent: bool) -> None:
        """Have the process train a run, on a GPU with priority if `urgent`. Raises OSError if the process has died."""
        self.pipe.send(Assignment(run.task.experiment, urgent))
        self.places[run.label] = Place(run, slot)
        self.takes_more = self.shared

    def receive(self) -> tuple[str, Event] | None:
        """An event and the label of its run, if there is one. Raises EOFError once the process has ended.

        The pipe alone does not always tell the end: on Windows it stays open if the process dies before it takes over
        its side of the pipe, which until then belongs to this process.
        """
        is_alive = self.process.is_alive()  # asked first, so that none of its last events is missed
        try:
            if self.pipe.poll():
                return self.pipe.recv()
        except InterruptedError:  # by Ctrl-C, on Windows
            return None
        except OSError:  # killed while sending an event
            is_alive = False
        if not is_alive:
            raise EOFError
        return None

    def stop(self) -> None:
        """Have the process stop its runs, resumably, and end. Windows has no signal for that."""
        self.takes_more, self.stopped = False, time.monotonic()
        with suppress(OSError):  # it has died
            self.pipe.send(STOP)

    @property
    def is_stuck(self) -> bool:
        """Whether it should have ended by now. On a CPU, a step or an evaluation can take minutes."""
        return is_cuda(self.slot.device) and time.monotonic() - self.stopped > STUCK_SECONDS

    def dismiss(self) -> None:
        """Tell the process to end; its runs have ended already."""
        self.takes_more, self.is_dismissed = False, True
        with suppress(OSError):  # it has died
            self.pipe.send(None)

    def join(self) -> str:
        """Wait until the process ends, and return in words how it ended. One that hangs on a GPU is killed."""
        self.pipe.close()
        self.process.join(STUCK_SECONDS if is_cuda(self.slot.device) else None)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        exit_code = self.process.exitcode or 0
        reason, self.crashed = _exit_reason(exit_code), exit_code in CRASHES
        self.process.close()
        return reason


@contextmanager
def _inherited(variables: Mapping[str, str]) -> Iterator[None]:
    """Let a new process inherit these environment variables, and get no stop signals until it can handle them."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # else it starts with the first process, and unblocks the signals
    with with_variables(variables), held_back():
        yield


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep a new process from importing the main script, which it does not need.

    A script that trains without `if __name__ == "__main__"` would start everything again there.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _exit_reason(exit_code: int) -> str:
    if exit_code == LOST_DEVICE:
        return "the GPU became unusable after an error of a run"
    if exit_code >= 0:
        return f"its process ended with exit code {exit_code} and no message"
    name = signal.Signals(-exit_code).name
    hint = "; the system does that when memory runs out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"
