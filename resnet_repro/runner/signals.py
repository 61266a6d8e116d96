"""What asks a run to stop, heard between two steps: signals, and a time limit."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def signals_that_stop() -> list[signal.Signals]:
    """Ctrl-C, a scheduler's wish, and a terminal that closes, unless nohup has that ignored."""
    hangup = getattr(signal, "SIGHUP", None)  # which Windows lacks
    hung_up = [hangup] if hangup and signal.getsignal(hangup) != signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hung_up]


@contextmanager
def stop_signals(deadline: float = math.inf) -> Iterator[Callable[[], bool]]:
    """Turn what should stop a run into a flag that is read between two steps; a later second signal acts at once.

    The flag is up as well once time.monotonic() has come to `deadline`.

    Within a second it counts as the same wish: what starts this program may pass on a Ctrl-C that it also got itself.
    """
    received: list[float] = []

    def note(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if received and now - received[0] > 1:
            raise KeyboardInterrupt
        received.append(now)

    before = {number: signal.signal(number, note) for number in signals_that_stop()}
    try:
        yield lambda: bool(received) or time.monotonic() >= deadline
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
