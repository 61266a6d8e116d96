"""CUDA streams that no two threads use at once.

`torch.cuda.Stream()` creates no stream: it hands out one of 32 in turn, and then the first one again. With many runs in
a process, a run could get the stream on which another is being captured, and its work would become part of that graph.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

_free: dict[tuple[torch.device, int], list[torch.cuda.Stream]] = defaultdict(list)  # by device and priority
_taking = threading.Lock()


@contextmanager
def own_stream(device: torch.device, priority: int = 0) -> Iterator[torch.cuda.Stream]:
    """Inside, a CUDA device does this thread's work in a stream of its own, beside that of other threads.

    A stream is used again once its thread has left it, so a process has as many as threads at the same time.
    """
    with _taking:
        free = _free[device, priority]
        stream = free.pop() if free else torch.cuda.Stream(device, priority=priority)
    try:
        with torch.cuda.device(device), torch.cuda.stream(stream):
            yield stream
    finally:
        with _taking:
            free.append(stream)


@cache
def capture_stream(device: torch.device, priority: int) -> torch.cuda.Stream:
    """The stream on which the steps of all runs of this process are captured, one after another."""
    return torch.cuda.Stream(device, priority=priority)
