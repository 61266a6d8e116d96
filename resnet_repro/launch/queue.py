"""The queue: starts a process for each run as slots become free, and listens to all of them."""

import math
import multiprocessing
import multiprocessing.connection
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from resnet_repro.launch.board import Board
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tracking import Tracked
from resnet_repro.launch.worker import Assignment, work
from resnet_repro.progress import REFRESH_SECONDS
from resnet_repro.stopping import signals_that_stop, stop_signals


class Child(NamedTuple):
    """A run that trains in a slot."""

    run: Tracked
    slot: Slot
    process: BaseProcess
    events: Connection


class Queue:
    """Works `runs` off, in their order. `assign` says what the process of a run is to do in a slot.

    `variables` are added to the environment of every process.
    """

    def __init__(
        self,
        runs: Sequence[Tracked],
        slots: Sequence[Slot],
        assign: Callable[[Tracked, Slot], Assignment],
        variables: Mapping[str, str],
        board: Board,
        deadline: float = math.inf,
    ) -> None:
        self.waiting = list(runs)
        self.free = list(slots)
        self.assign = assign
        self.variables = variables
        self.board = board
        self.deadline = deadline
        self.children: list[Child] = []
        self.stopping = False

    def work_off(self) -> None:
        """Until every run has ended, or a signal or the deadline stopped them and each has written its checkpoint.

        A second signal, more than a second later, kills them. No failure of one run touches another; its state says
        what became of it.
        """
        with stop_signals(self.deadline) as stopped, self.board:
            try:
                while self.children or (self.waiting and not stopped()):
                    if stopped():
                        self._stop()
                    elif self.waiting and self.free:
                        self._start(self.waiting.pop(0), self.free.pop(0))
                    self._listen(0 if self.waiting and self.free and not stopped() else REFRESH_SECONDS)
                    self.board.refresh()
            except KeyboardInterrupt:  # the second signal
                self.stopping = True
                for child in self.children:
                    child.process.kill()
            finally:  # a bug of ours included: even then every run keeps its checkpoint
                self._stop()
                for child in [*self.children]:
                    self._end(child)

    def _start(self, run: Tracked, slot: Slot) -> None:
        run.state, run.device = "running", slot.device
        try:
            self.children.append(self._spawn(run, slot))
        except OSError as error:  # no memory, or too many open files
            run.state, run.error = "failed", f"its process cannot start: {error.strerror or error}"
            self.free.append(slot)
            self.board.ended(run)

    def _spawn(self, run: Tracked, slot: Slot) -> Child:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        spawning = multiprocessing.get_context("spawn")
        process = spawning.Process(target=work, args=(self.assign(run, slot), theirs), name=run.label, daemon=True)
        with theirs, _birth({**self.variables, "OMP_NUM_THREADS": str(slot.threads)}):
            process.start()
        # `theirs` is closed here, so that the pipe ends when the process does
        return Child(run, slot, process, ours)

    def _listen(self, seconds: float) -> None:
        by_events = {child.events: child for child in self.children}
        for events in multiprocessing.connection.wait(list(by_events), seconds):
            child = by_events[events]  # type: ignore[index]  # wait returns some of what it was given
            try:
                event = child.events.recv()
            except (EOFError, OSError):  # OSError: killed in the middle of an event
                self._end(child)
                continue
            child.run.take(event)
            self.board.told(child.run, event)

    def _stop(self) -> None:
        """Ask every process to stop, once."""
        if self.stopping:
            return
        self.stopping = True
        for child in self.children:
            child.process.terminate()

    def _end(self, child: Child) -> None:
        run = child.run
        child.events.close()
        child.process.join()
        if run.state == "running":
            run.state = "interrupted" if self.stopping else "failed"
            run.error = _last_words(child.process.exitcode or 0)
        child.process.close()
        self.children.remove(child)
        self.free.append(child.slot)
        self.board.ended(run)


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
    if exit_code >= 0:
        return f"its process ended with exit code {exit_code} and said nothing"
    name = signal.Signals(-exit_code).name
    hint = "; the system does so when memory runs out" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"
