"""Stop requests for a training: signals and a time limit, read between two steps."""

import ctypes
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INSISTENT = (signal.SIGINT, signal.SIGTERM)  # a second one ends the process at once


def signals_that_stop() -> list[signal.Signals]:
    """SIGINT, SIGTERM, and unless they are ignored, as under nohup: SIGHUP, and what schedulers send before the end.

    Windows lacks these three; there, Ctrl-Break is SIGBREAK.
    """
    there = [getattr(signal, name, None) for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")]
    return [*INSISTENT, *(number for number in there if number and signal.getsignal(number) != signal.SIG_IGN)]


@contextmanager
def stop_signals(deadline: float = math.inf) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True after a signal, or once time.monotonic() has reached `deadline`.

    A second SIGINT or SIGTERM raises KeyboardInterrupt at once. Within 1 s of the first signal it is ignored: launchers
    forward a Ctrl-C that we already received. Only the main thread can handle signals; others see the deadline alone.
    """
    received: list[float] = []

    def note(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if received and now - received[0] > 1 and number in INSISTENT:
            raise KeyboardInterrupt
        received.append(now)

    caught = signals_that_stop() if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, note) for number in caught}
    try:
        yield lambda: bool(received) or time.monotonic() >= deadline
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold the stop signals back from processes that start inside, until they can handle them (`let_through`).

    Windows cannot hold them back: there, these processes ignore the Ctrl-C that their console sends to all of them.
    """
    if sys.platform == "win32":
        ignore = ctypes.windll.kernel32.SetConsoleCtrlHandler  # without a handler: new processes inherit it
        ignore(None, True)
        try:
            yield
        finally:
            ignore(None, False)
    else:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals_that_stop())
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def let_through() -> None:
    """Receive the stop signals that were held back when this process started, and later ones."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals_that_stop())
