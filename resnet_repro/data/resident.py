"""What all runs of a process share on the device that trains: one copy of each split, and one normalisation."""

import threading
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from resnet_repro.data.dataset import Split

T = TypeVar("T")


class Resident(NamedTuple):
    """A split on a device."""

    images: Tensor  # (N, 32, 32, 3) uint8
    labels: Tensor  # (N,) int64


def made_once(make: Callable[[Split, torch.device], T]) -> Callable[[Split, torch.device], T]:
    """Call `make` once for each split and device, whichever threads ask; what it made is dropped with the split.

    Runs read it on streams of their own, which is safe as soon as it is returned: a copy from ordinary host memory to
    a GPU has ended when torch returns.
    """
    made: WeakKeyDictionary[Split, dict[torch.device, T]] = WeakKeyDictionary()
    lock = threading.Lock()

    def shared(split: Split, device: torch.device) -> T:
        with lock:
            of_split = made.setdefault(split, {})
            if device not in of_split:
                of_split[device] = make(split, device)
            return of_split[device]

    return shared


@made_once
def resident(split: Split, device: torch.device) -> Resident:
    """The split on the device; on the CPU without a copy."""
    return Resident(torch.from_numpy(split.images).to(device), torch.from_numpy(split.labels).to(device))
