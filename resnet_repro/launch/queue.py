"""The queue: sends runs to child processes as slots become free, and receives their events."""

import multiprocessing.connection
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from resnet_repro.launch.board import Board
from resnet_repro.launch.child import Child
from resnet_repro.launch.growth import Growth
from resnet_repro.launch.scheduler import Notice, Scheduler
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tracking import Ended, Event, Failed, Memory, QueuedRun
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.progress import REFRESH_SECONDS, TrainingProgress
from resnet_repro.runner.signals import stop_signals

MOST_AWAITED = 60  # pipes; Windows can wait for 63 at once. More are looked at after the waiting


class Queue(Scheduler):
    """Trains `runs` in their order, each in its own process; the runs of a CUDA device share one.

    If a shared process crashes, each of its runs goes on from its last checkpoint in a process of its own, once.

    `growths` limit how many slots of each device are in use. `notice` prints what they find.
    """

    def __init__(
        self,
        runs: Sequence[QueuedRun],
        slots: Sequence[Slot],
        options: TrainOptions,
        board: Board,
        growths: Mapping[str, Growth] | None = None,
        notice: Notice = lambda text: None,
    ) -> None:
        super().__init__(runs, options, board)
        self.free = list(slots)
        self.growths = growths or {}
        self.notice = notice
        self.children: list[Child] = []

    def train_all(self) -> None:
        """Train until every run has ended, or until a signal or the deadline has stopped all of them resumably.

        A second signal more than 1 s after the first kills the processes. A run that fails does not affect others.
        Afterwards each run's `status` says how it ended.
        """
        with stop_signals(self.options.deadline) as stopped, self.board:
            try:
                self._give_up_without_sources()
                while self.children or (self.waiting and not stopped()):
                    if stopped():
                        self._stop()
                        self._kill_stuck()
                    elif (slot := self._usable_slot()) and (run := self._ready_run()):
                        self.waiting.remove(run)
                        self._start(run, slot)
                    self._dismiss_idle()
                    self._listen(0 if self._usable_slot() and not stopped() else REFRESH_SECONDS)
                    self.board.refresh()
            except KeyboardInterrupt:  # a second signal
                self.stopping = True
                for child in self.children:
                    child.process.kill()
            finally:  # even after a bug of ours every run writes its checkpoint
                self._stop()
                for child in [*self.children]:
                    self._end(child)

    def _usable_slot(self) -> Slot | None:
        """The first free slot that may be used, if a run is ready."""

        def usable(slot: Slot) -> bool:
            growth = self.growths.get(slot.device)
            return growth is None or len(growth.running) < growth.allowed

        return next(filter(usable, self.free), None) if self._ready_run() else None

    def _start(self, run: QueuedRun, slot: Slot) -> None:
        self.free.remove(slot)
        run.status, run.device = "running", slot.device
        if growth := self.growths.get(slot.device):
            growth.started(run.label)
        try:
            alone = not slot.shared or run.lost_processes > 0
            child = None if alone else next((child for child in self.children if child.can_take(slot)), None)
            if not child:
                begun = run.lost_processes > 0 and run.progress is not None  # else it would lose its checkpoint
                restart = self.options.restart and not begun
                child = Child(slot, replace(self.options, restart=restart), shared=not alone)
                self.children.append(child)
            child.take(run, slot, urgent=run.is_largest)
        except OSError as error:  # such as no memory, or too many open files
            run.status, run.error = "failed", f"its process cannot start: {error.strerror or error}"
            self._release(run, slot)

    def _listen(self, seconds: float) -> None:
        with suppress(InterruptedError):  # which Ctrl-C raises here on Windows, after its handler
            multiprocessing.connection.wait([child.pipe for child in self.children[:MOST_AWAITED]], seconds)
        for child in [*self.children]:
            try:
                received = child.receive()
            except EOFError:
                self._end(child)
                continue
            if received:
                self._take(child, *received)

    def _take(self, child: Child, label: str, event: Event) -> None:
        run, slot = child.places[label]
        if isinstance(event, Failed) and event.lost and child.shared and not self.stopping:
            child.takes_more = False  # it ends; and the run that met the error first need not have caused it
            return
        run.take(event)
        self.board.received(run, event)
        if growth := self.growths.get(slot.device):
            self._measure(growth, run, event)
        if isinstance(event, Ended | Failed):
            del child.places[label]
            if run.status == "interrupted" or (isinstance(event, Failed) and event.lost):  # the process ends
                child.takes_more = False
            self._release(run, slot)

    def _measure(self, growth: Growth, run: QueuedRun, event: Event) -> None:
        if isinstance(event, Memory):
            growth.has_memory(event.free, event.held)
        if isinstance(event, TrainingProgress):
            images = event.step * run.task.experiment.training.batch_size * run.weight
            if found := growth.trained(run.label, images, time.monotonic()):
                self.notice(found)

    def _release(self, run: QueuedRun, slot: Slot) -> None:
        self.free.append(slot)
        if growth := self.growths.get(slot.device):
            growth.ended(run.label)
        self.board.ended(run)
        self._give_up_without_sources()

    def _dismiss_idle(self) -> None:
        """Tell processes to end whose runs have ended and which no waiting run can join."""
        for child in self.children:
            awaits_more = child.takes_more and self.waiting and not self.stopping
            if not child.places and not awaits_more and not child.is_dismissed:
                child.dismiss()

    def _stop(self) -> None:
        """Have every process stop its runs, once."""
        if self.stopping:
            return
        self.stopping = True
        for child in self.children:
            child.stop()

    def _kill_stuck(self) -> None:
        for child in self.children:
            if child.is_stuck:
                child.process.kill()

    def _end(self, child: Child) -> None:
        """Take the end of a process. Its runs have failed, unless they were stopped, or may go on in another one."""
        reason = child.join()
        self.children.remove(child)
        for run, slot in child.places.values():
            if child.shared and child.crashed and not self.stopping:
                self._wait_again(run, slot, reason)
                continue
            run.status = "interrupted" if self.stopping else "failed"
            run.error = reason
            self._release(run, slot)

    def _wait_again(self, run: QueuedRun, slot: Slot, reason: str) -> None:
        self.notice(f"{run.label}: {reason}; it goes on from its last checkpoint, in a process of its own")
        run.status, run.lost_processes = "waiting", run.lost_processes + 1
        self.waiting.insert(0, run)
        self.free.append(slot)
        if growth := self.growths.get(slot.device):
            growth.ended(run.label)
