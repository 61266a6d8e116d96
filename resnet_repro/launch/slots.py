"""How many runs go side by side, on which devices, with how many threads each."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from resnet_repro.training.device import resolve_device

Jobs = int | Literal["auto"]  # runs side by side on each device
RUN_BYTES = 1_500_000_000  # what a run is allowed for on the CPU: torch, CIFAR-10, a net of some dozen layers
MOST_ON_A_GPU = 16  # runs that "auto" tries


class Slot(NamedTuple):
    """A place where one run after another trains."""

    device: str  # as torch calls it: cpu, mps, cuda:0
    threads: int  # of the CPU
    shared: bool = False  # with the other slots of its device it shares one process, in which each run is a thread


def plan_slots(runs: int, jobs: Jobs, devices: Sequence[str], cores: int, memory_bytes: int | None) -> list[Slot]:
    """As many slots as are of use to `runs` runs; every device gets its first before any gets its second.

    "auto" on the CPU is a run for each core, as far as `memory_bytes` (None: unknown) allows 1.5 GB each: two
    runs of one thread were measured to be 8 to 27 % faster than two threads of one run after the other. On CUDA it is
    the most that `growth` may come to. The runs of a CUDA device share a process, as the device works for one process
    at a time; those on the CPU have one each, in which a kill or a lack of memory ends that run alone.

    With a number, the threads of a run depend on it and on the machine alone, so that an interrupted run goes on with
    as many threads as it began with, and gives the same bits.
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
    """The device named; every CUDA device for "cuda", and for "auto" where that is CUDA. Raises RunError."""
    chosen = resolve_device(device)
    if chosen.type != "cuda":
        return [str(chosen)]
    indices = range(torch.cuda.device_count()) if chosen.index is None else [chosen.index]
    return [f"cuda:{index}" for index in indices]


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that programs can still have: on Linux what is free or can be freed, elsewhere half of all memory."""
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError, AttributeError):
        return None


def say_slots(slots: Sequence[Slot], measured: bool = False) -> str:
    """ "4 side by side (2 on cuda:0, 2 on cuda:1), 2 CPU threads each"; `measured` makes it the most there may be."""
    threads = f"{slots[0].threads} CPU thread{'s' * (slots[0].threads > 1)} each"
    if len(slots) == 1:
        return f"one after another on {slots[0].device}, {threads}"
    counts = Counter(slot.device for slot in slots)
    places = ", ".join(f"{count} on {device}" for device, count in counts.items())
    most = "as many as train fastest, at most " if measured else ""
    return f"{most}{len(slots)} side by side ({places}), {threads}"
