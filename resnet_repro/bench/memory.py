"""Measures the peak memory of a run."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.spec import Experiment

STEPS = 2  # in the second, gradients and momentum exist already


def peak_memory_bytes(experiment: Experiment, device: torch.device) -> int | None:
    """The peak: on CUDA what torch allocates; elsewhere all of a new process, with 0.4 GB for torch itself.

    None on a CPU under Windows, where Python cannot tell.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, experiment, str(device), torch.get_num_threads()).result()


def _peak(experiment: Experiment, device_name: str, threads: int) -> int | None:
    torch.set_num_threads(threads)
    device = torch.device(device_name)
    step = training_step(bench_trainer(experiment, device))
    for _ in range(STEPS):
        step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _process_peak()


def _process_peak(status: Path = Path("/proc/self/status")) -> int | None:
    """The peak of this process in bytes. On Linux, getrusage would include the parent process."""
    if sys.platform == "win32":
        return None
    import resource

    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
