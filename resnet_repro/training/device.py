"""Chooses the device and the precision."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from resnet_repro.errors import RunError

TENSOR_CORES = (7, 0)  # the first compute capability with tensor cores, for fp16

log = logging.getLogger(__name__)


def resolve_device(name: str) -> torch.device:
    """The device that `--device` names; "auto" is CUDA, else Apple's MPS, else the CPU. Raises RunError."""
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
    """The precision to compute in: "fp32", "bf16" or "fp16"; weights are always fp32.

    "auto" is bf16 if the hardware has it, else fp16 on CUDA devices with tensor cores, else fp32. Any other request is
    returned as it is, with a warning if the device lacks it.
    """
    native = native_precisions(device)
    if requested == "auto":
        return native[0]
    if requested not in native and device.type != "mps":
        which = f"{'computed in fp32 and rounded' if device.type == 'cpu' else 'slow'} on {device_name(device)}"
        log.warning("training.precision: %s is %s, which lacks it; auto is %s", requested, which, native[0])
    return requested


def native_precisions(device: torch.device) -> list[str]:
    """The precisions for which the device has instructions, the fastest one first."""
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        fp16 = torch.cuda.get_device_capability(device) >= TENSOR_CORES
        return ["bf16"] * bf16 + ["fp16"] * fp16 + ["fp32"]
    if device.type == "cpu":
        capabilities = _cpu_capabilities()
        bf16 = any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))
        return ["bf16"] * bf16 + ["fp32"]
    return ["fp32"]


def make_deterministic() -> None:
    """From now on, torch uses only algorithms that give the same bits each time. On a CPU, it always does."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs this, and reads it when CUDA starts
    torch.use_deterministic_algorithms(True)
    # Otherwise torch also fills new memory, which doubles the launches. It helps only code that reads uninitialised
    # memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property of the module


@contextmanager
def tuned_convolutions() -> Iterator[None]:
    """Inside, cuDNN times its algorithms for each new shape of a convolution, and then uses the fastest.

    With deterministic algorithms it does not, as the choice may differ between processes.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def is_lost(device: torch.device) -> bool:
    """Whether this process can no longer use the GPU, as after an illegal memory access."""
    try:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()
    except RuntimeError:
        return True
    return False


def device_name(device: torch.device) -> str:
    """The hardware's name, such as "NVIDIA H100 80GB HBM3" or "CPU (AMD EPYC, 2 threads)"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU ({_cpu_capabilities().get('cpu_name', 'unknown')}, {threads} thread{'s' * (threads > 1)})"
    return "Apple GPU (MPS)"


def usable_cores() -> int:
    """Number of CPU cores: the threads that torch uses, at most the cores that this process may run on."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(torch.get_num_threads(), allowed)


def _cpu_capabilities() -> dict[str, object]:
    """What torch knows about the processor; empty in releases of torch without this function."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    return dict(ask()) if ask else {}
