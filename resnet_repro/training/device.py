"""Which device trains, and in which precision."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from resnet_repro.errors import RunError

TENSOR_CORES = (7, 0)  # compute capability from which CUDA devices have them, for fp16

log = logging.getLogger(__name__)


def resolve_device(name: str) -> torch.device:
    """ "auto" is CUDA, else Apple's MPS, else the CPU. Raises RunError if the device named is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RunError(f"--device {name}: is not a device; choose auto, cpu, cuda, cuda:1 or mps") from None
    if not available.get(device.type, False):
        there = ", ".join(kind for kind, yes in available.items() if yes)
        raise RunError(f"--device {name}: is not available to this torch ({torch.__version__}); available: {there}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RunError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, counted from 0")
    return device


def resolve_precision(requested: str, device: torch.device) -> str:
    """ "auto" is bf16 where the hardware computes in it natively, else fp16 on CUDA, else fp32.

    Weights are kept in fp32 in any case. What was asked for is taken, with a notice where it is slow.
    """
    fastest = _fastest_precisions(device)
    if requested == "auto":
        return fastest[0]
    if requested not in fastest and device.type != "mps":
        name = device_name(device)
        log.warning("training.precision: %s is slow on %s, which lacks it; auto is %s", requested, name, fastest[0])
    return requested


def make_deterministic() -> None:
    """From here on, have torch use algorithms alone that give the same bits each time: on a CPU, it does so anyway."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it, read when CUDA starts
    torch.use_deterministic_algorithms(True)
    # Otherwise it also fills all memory before its first use: as many launches again, for code that reads what it has
    # not written, which ours does not.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property of the module


@contextmanager
def tuned_convolutions() -> Iterator[None]:
    """In here, cuDNN times its algorithms for each new shape of a convolution, and keeps to the fastest afterwards.

    Not where equal bits are asked for, as the choice may differ from one process to the next.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def device_name(device: torch.device) -> str:
    """What the hardware calls itself, e.g. "NVIDIA H100 80GB HBM3" or "CPU (AMD EPYC, 2 threads)"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU ({_cpu_capabilities().get('cpu_name', 'unknown')}, {threads} thread{'s' * (threads > 1)})"
    return "Apple GPU (MPS)"


def usable_cores() -> int:
    """Those that torch would use, if this process may run on so many."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(torch.get_num_threads(), allowed)


def _fastest_precisions(device: torch.device) -> list[str]:
    """Those that the device computes convolutions in natively, best first."""
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        fp16 = torch.cuda.get_device_capability(device) >= TENSOR_CORES
        return ["bf16"] * bf16 + ["fp16"] * fp16 + ["fp32"]
    if device.type == "cpu":
        capabilities = _cpu_capabilities()
        bf16 = any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))
        return ["bf16"] * bf16 + ["fp32"]
    return ["fp32"]


def _cpu_capabilities() -> dict[str, object]:
    """What torch knows of the processor; nothing, in releases of torch that do not tell."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    return dict(ask()) if ask else {}
