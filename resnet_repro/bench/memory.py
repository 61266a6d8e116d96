"""How much memory a run needs at its peak."""

import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.spec import Experiment

STEPS = 2  # the second meets what the first left behind: gradients, momentum


def peak_memory_bytes(experiment: Experiment, device: torch.device) -> int:
    """On CUDA what torch allocated; elsewhere all memory of a process of its own, 0.4 GB of it for torch itself."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, experiment, str(device), torch.get_num_threads()).result()


def _peak(experiment: Experiment, device_name: str, threads: int) -> int:
    torch.set_num_threads(threads)
    device = torch.device(device_name)
    step = training_step(bench_trainer(experiment, device))
    for _ in range(STEPS):
        step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _process_peak()


def _process_peak(status: Path = Path("/proc/self/status")) -> int:
    """Of this process; what getrusage tells on Linux counts in the process that started it."""
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
