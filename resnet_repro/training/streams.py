"""What the threads of a process need so that each can train a run of its own on one GPU."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

# Held by the thread that launches a net's operations one by one, captures them, or chooses kernels. How cuDNN chooses
# its algorithms and when torch returns memory to the GPU are settings of the process: a thread that evaluates must not
# tune convolutions, or free memory, while another captures. Replaying a graph needs no lock.
LAUNCHING = threading.RLock()
_STARTING = threading.RLock()  # held by a thread whose run chooses its kernels

_free: dict[tuple[torch.device, int], list[torch.cuda.Stream]] = defaultdict(list)  # by device and priority
_taking = threading.Lock()


@contextmanager
def alone_on(device: torch.device) -> Iterator[None]:
    """Inside, a run that starts has a CUDA device for itself, to time kernels: the others wait at their next check."""
    with _STARTING, LAUNCHING:
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # what the others have launched already
        yield


def wait_for_starts() -> None:
    """Wait while another run of this process is `alone_on` its device."""
    with _STARTING:
        pass


@contextmanager
def own_stream(device: torch.device, priority: int = 0) -> Iterator[torch.cuda.Stream]:
    """Inside, a CUDA device does this thread's work in a stream that no other thread uses meanwhile.

    `torch.cuda.Stream()` creates no stream: it hands out one of 32 in turn, and then the first one again, which another
    run may still use. So streams are kept for the next thread, and a process has only as many as threads at a time.
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


def capture_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream on which this thread captures: its own one, or one of the process if it works on the default stream.

    It must be the thread's own. cuBLAS has a workspace for each stream, which is part of a captured graph: graphs that
    were captured on one stream must not run at the same time.
    """
    current = torch.cuda.current_stream(device)
    return _side_stream(device) if current == torch.cuda.default_stream(device) else current


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
