"""NVIDIA's Multi-Process Service: without it, processes on one GPU take turns instead of running at once.

https://docs.nvidia.com/deploy/mps/
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
USUAL_PIPES = Path("/tmp/nvidia-mps")  # noqa: S108  # where a service lies that was started without PIPES
TAKE_TURNS = "several runs on one GPU will take turns"
TRIAL = "import sys, torch; torch.zeros(1, device=sys.argv[1]).item()"
TIMEOUT_SECONDS = 60


@contextmanager
def multi_process_service(device: str | None, notice: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """A service for as long as the runs last; yields the variables that let a process use it.

    They are none if a service runs already, which every process finds by itself, or if none can be had, which is said
    once. `device` is one that several runs share, None if there is none; it is tried, as in some containers the
    service starts in vain. Nothing else of the GPU is touched.
    """
    if device is None or PIPES in os.environ or USUAL_PIPES.exists():
        yield {}
        return
    if not shutil.which(CONTROL):
        notice(f"{TAKE_TURNS}: there is no {CONTROL} on PATH")
        yield {}
        return
    with TemporaryDirectory(prefix="mps-", ignore_cleanup_errors=True) as folder:
        variables = {PIPES: f"{folder}/pipes", LOGS: f"{folder}/logs"}
        for path in variables.values():
            Path(path).mkdir()
        try:
            yield variables if _starts(device, variables, notice) else {}
        finally:
            _call([CONTROL], variables, "quit\n")


def _starts(device: str, variables: dict[str, str], notice: Callable[[str], None]) -> bool:
    if not _call([CONTROL, "-d"], variables):
        notice(f"{TAKE_TURNS}: {CONTROL} -d fails")
        return False
    if not _call([sys.executable, "-c", TRIAL, device], variables):
        notice(f"{TAKE_TURNS}: the Multi-Process Service lets no process onto {device}")
        return False
    return True


def _call(command: list[str], variables: dict[str, str], text: str = "") -> bool:
    """Whether it succeeds. Its output goes nowhere, as a service that stays would hold a pipe open."""
    try:
        subprocess.run(
            command,
            input=text,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
