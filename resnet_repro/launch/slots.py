"""Decides how many runs train side by side, on which devices, with how many threads each."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from resnet_repro.runner.options import Jobs
from resnet_repro.text_tables import counted
from resnet_repro.training.device import resolve_device

RUN_BYTES = 1_500_000_000  # memory counted for a run on the CPU: torch, CIFAR-10 and a net of some dozen layers
MOST_ON_A_GPU = 16  # runs that "auto" tries


class Slot(NamedTuple):
    """A place in which runs train one after another."""

    device: str  # as torch calls it: cpu, mps, cuda:0
    threads: int  # of the CPU
    shared: bool = False  # the slots of this device share one process, in which each run is a thread


def plan_slots(runs: int, jobs: Jobs, devices: Sequence[str], cores: int, memory_bytes: int | None) -> list[Slot]:
    """At most `runs` slots, dealt to the devices in turn, so that each has one before any has two.

    "auto" on the CPU is a slot for each core, while `memory_bytes` (None: unknown) has 1.5 GB for each: two runs side
    by side with one thread each were 8 to 27 % faster than one after the other with two threads. On a CUDA device it is
    the most slots that `growth` may use. The runs of a CUDA device share a process, as the device works for one process
    at a time. On the CPU each run has its own process, so that a kill or a lack of memory ends that run alone.

    If `jobs` is a number, the threads of a run depend only on it and on the machine. An interrupted run then resumes
    with the same number of threads, and gives the same bits.
    """
    limits = [_most_side_by_side(device, runs, cores, memory_bytes) if jobs == "auto" else jobs for device in devices]
    threads = max(1, cores // sum(limits))
    turns = range(min(runs, max(limits)))
    names = [device for turn in turns for device, limit in zip(devices, limits, strict=True) if turn < limit]
    return [Slot(name, threads, is_cuda(name)) for name in names[:runs]]


def is_cuda(device: str) -> bool:
    return device.startswith("cuda")


def _most_side_by_side(device: str, runs: int, cores: int, memory_bytes: int | None) -> int:
    if device == "cpu":
        fitting = cores if memory_bytes is None else memory_bytes // RUN_BYTES
        return max(1, min(runs, cores, fitting))
    return min(runs, MOST_ON_A_GPU) if is_cuda(device) else 1


def find_devices(device: str) -> list[str]:
    """The named device, or all CUDA devices for "cuda" and for "auto" where CUDA is available. Raises RunError."""
    chosen = resolve_device(device)
    if chosen.type != "cuda":
        return [str(chosen)]
    indices = range(torch.cuda.device_count()) if chosen.index is None else [chosen.index]
    return [f"cuda:{index}" for index in indices]


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that programs can still allocate: MemAvailable on Linux, elsewhere half of all memory; None if unknown."""
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    if sys.platform == "win32":
        return None
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError):
        return None


def say_slots(slots: Sequence[Slot], measured: bool = False) -> str:
    """The slots in words, such as "4 side by side (2 on cuda:0, 2 on cuda:1), 2 CPU threads each".

    `measured`: how many of the slots train fastest is found while the runs train.
    """
    threads = f"{counted(slots[0].threads, 'CPU thread')} each"
    if len(slots) == 1:
        return f"one after another on {slots[0].device}, {threads}"
    counts = Counter(slot.device for slot in slots)
    places = ", ".join(f"{count} on {device}" for device, count in counts.items())
    most = "as many as train fastest, at most " if measured else ""
    return f"{most}{len(slots)} side by side ({places}), {threads}"
