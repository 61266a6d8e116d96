"""The kernels that a training step launches, by torch's profiler."""

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import DeviceType  # type: ignore[attr-defined]  # as torch's own docs have it
from torch.profiler import ProfilerActivity, profile

STEPS = 3
COSTLIEST = 10
LONGEST_NAME = 160  # characters; names of templates go on for thousands


def kernels_of(step: Callable[[], object], device: torch.device, synchronize: Callable[[], None]) -> dict[str, Any]:
    """Launches of a step, including copies and fills, and the kernels that take most time. On a CPU, operations.

    Raises LookupError if the profiler has recorded none.
    """
    on_cuda = device.type == "cuda"
    kind = DeviceType.CUDA if on_cuda else DeviceType.CPU
    step()
    synchronize()
    activity = ProfilerActivity.CUDA if on_cuda else ProfilerActivity.CPU
    with profile(activities=[activity], acc_events=True) as profiler:  # acc_events only avoids a warning of torch 2.11
        for _ in range(STEPS):
            step()
        synchronize()
    events = [event for event in profiler.key_averages() if event.device_type == kind]
    if not events:
        raise LookupError("the profiler has recorded no kernels")
    named = [
        {
            "name": event.key[:LONGEST_NAME],
            "count": event.count / STEPS,
            "microseconds": (event.self_device_time_total if on_cuda else event.self_cpu_time_total) / STEPS,
        }
        for event in events
    ]
    named.sort(key=lambda kernel: -kernel["microseconds"])
    return {
        "kernels": sum(kernel["count"] for kernel in named),
        "kernel_ms": sum(kernel["microseconds"] for kernel in named) / 1000,
        "costliest": named[:COSTLIEST],
    }
