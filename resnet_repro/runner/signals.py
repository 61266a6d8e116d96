"""Stop requests for a training: signals and a time limit, read between two steps."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def signals_that_stop() -> list[signal.Signals]:
    """SIGINT, SIGTERM, and SIGHUP unless it is ignored, as under nohup."""
    hangup = getattr(signal, "SIGHUP", None)  # which Windows lacks
    hung_up = [hangup] if hangup and signal.getsignal(hangup) != signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hung_up]


@contextmanager
def stop_signals(deadline: float = math.inf) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True after a signal, or once time.monotonic() has reached `deadline`.

    A second signal raises KeyboardInterrupt at once. Within 1 s of the first it is ignored: launchers forward a Ctrl-C
    that we already received.
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
