"""The queue: hands runs to processes as slots become free, and listens to all of them."""

import multiprocessing.connection
import time
from collections.abc import Callable, Mapping, Sequence

from resnet_repro.launch.board import Board
from resnet_repro.launch.child import Child
from resnet_repro.launch.growth import Growth
from resnet_repro.launch.request import Request
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tracking import Ended, Event, Failed, Memory, Tracked
from resnet_repro.runner.progress import REFRESH_SECONDS, Sample
from resnet_repro.runner.signals import stop_signals

Notice = Callable[[str], None]


class Queue:
    """Works `runs` off, in their order.

    Each run has a process of its own, but those of a CUDA device share one. `growths` limit, by device, how many slots
    are in use at a time.
    """

    def __init__(
        self,
        runs: Sequence[Tracked],
        slots: Sequence[Slot],
        request: Request,
        board: Board,
        growths: Mapping[str, Growth] | None = None,
        notice: Notice = lambda text: None,
    ) -> None:
        self.waiting = list(runs)
        self.free = list(slots)
        self.request = request
        self.board = board
        self.growths = growths or {}
        self.notice = notice
        self.children: list[Child] = []
        self.stopping = False

    def work_off(self) -> None:
        """Until every run has ended, or a signal or the deadline stopped them and each has written its checkpoint.

        A second signal, more than a second later, kills them. No failure of one run touches another; its state says
        what became of it.
        """
        with stop_signals(self.request.deadline) as stopped, self.board:
            try:
                while self.children or (self.waiting and not stopped()):
                    if stopped():
                        self._stop()
                    elif slot := self._usable_slot():
                        self._start(self.waiting.pop(0), slot)
                    self._dismiss_idle()
                    self._listen(0 if self._usable_slot() and not stopped() else REFRESH_SECONDS)
                    self.board.refresh()
            except KeyboardInterrupt:  # the second signal
                self.stopping = True
                for child in self.children:
                    child.process.kill()
            finally:  # a bug of ours included: even then every run keeps its checkpoint
                self._stop()
                for child in [*self.children]:
                    self._end(child)

    def _usable_slot(self) -> Slot | None:
        """A free one, if any run waits for it."""

        def usable(slot: Slot) -> bool:
            growth = self.growths.get(slot.device)
            return growth is None or len(growth.running) < growth.allowed

        return next(filter(usable, self.free), None) if self.waiting else None

    def _start(self, run: Tracked, slot: Slot) -> None:
        self.free.remove(slot)
        run.state, run.device = "running", slot.device
        if growth := self.growths.get(slot.device):
            growth.started(run.label)
        try:
            child = next((child for child in self.children if child.can_take(slot)), None)
            if not child:
                child = Child(slot, self.request)
                self.children.append(child)
            child.take(run, slot, urgent=run.weight == 1)
        except OSError as error:  # no memory, or too many open files
            run.state, run.error = "failed", f"its process cannot start: {error.strerror or error}"
            self._leave(run, slot)

    def _listen(self, seconds: float) -> None:
        by_pipe = {child.pipe: child for child in self.children}
        for pipe in multiprocessing.connection.wait(list(by_pipe), seconds):
            child = by_pipe[pipe]  # type: ignore[index]  # wait returns some of what it was given
            try:
                label, event = child.pipe.recv()
            except (EOFError, OSError):  # OSError: killed in the middle of an event
                self._end(child)
                continue
            self._take(child, label, event)

    def _take(self, child: Child, label: str, event: Event) -> None:
        run, slot = child.places[label]
        run.take(event)
        self.board.told(run, event)
        if growth := self.growths.get(slot.device):
            self._measure(growth, run, event)
        if isinstance(event, Ended | Failed):
            del child.places[label]
            if run.state == "interrupted" or (isinstance(event, Failed) and event.lost):  # the process ends
                child.takes_more = False
            self._leave(run, slot)

    def _measure(self, growth: Growth, run: Tracked, event: Event) -> None:
        if isinstance(event, Memory):
            growth.has_memory(event.free, event.held)
        if isinstance(event, Sample):
            images = event.step * run.task.experiment.training.batch_size * run.weight
            if found := growth.trained(run.label, images, time.monotonic()):
                self.notice(found)

    def _leave(self, run: Tracked, slot: Slot) -> None:
        self.free.append(slot)
        if growth := self.growths.get(slot.device):
            growth.ended(run.label)
        self.board.ended(run)

    def _dismiss_idle(self) -> None:
        """Processes whose runs have ended, and that none of those that wait could go to."""
        for child in self.children:
            awaits_more = child.takes_more and self.waiting and not self.stopping
            if not child.places and not awaits_more and not child.is_dismissed:
                child.dismiss()

    def _stop(self) -> None:
        """Ask every process to stop, once."""
        if self.stopping:
            return
        self.stopping = True
        for child in self.children:
            child.process.terminate()

    def _end(self, child: Child) -> None:
        words = child.join()
        self.children.remove(child)
        for run, slot in child.places.values():
            run.state = "interrupted" if self.stopping else "failed"
            run.error = words
            self._leave(run, slot)
