"""A board whose user interrupts twice, while a process cannot obey."""

import os
import signal
import time

from resnet_repro.launch.board import Board
from resnet_repro.launch.queue import Queue
from resnet_repro.launch.tracking import Event, Tracked
from resnet_repro.record.rows import Row


class Insistent(Board):
    """Stops a process of `queue`, which is to be set, at its first row; interrupts then, and again a second later."""

    queue: Queue
    asked = 0.0

    def told(self, run: Tracked, event: Event) -> None:
        if isinstance(event, Row) and not self.asked:
            os.kill(self.queue.children[0].process.pid or 0, signal.SIGSTOP)  # it cannot obey
            signal.raise_signal(signal.SIGINT)
            self.asked = time.monotonic()

    def refresh(self) -> None:
        if self.asked and time.monotonic() - self.asked > 1.1:
            self.asked = float("inf")
            signal.raise_signal(signal.SIGINT)
