"""What a run was made with, so that its numbers can be traced and repeated."""

import logging
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resnet_repro import __version__
from resnet_repro.training.device import device_name

COMMIT_VARIABLE = "RESNET_REPRO_COMMIT"

log = logging.getLogger(__name__)


def describe_environment(
    device: torch.device,
    precision: str,
    engine: str,
    data: dict[str, Any],
    ranks: int = 1,
    kernels: str = "torch",
) -> dict[str, Any]:
    """Versions, device, threads, ranks, precision and kernels in force, commit of this code, data, command.

    `kernels` is "fused" where BN, addition and ReLU were one operation of ours, "torch" where they were torch's own.
    """
    return {
        "command": ["resnet-repro", *sys.argv[1:]],
        "device": device.type,
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "ranks": ranks,
        "precision": precision,
        "engine": engine,
        "kernels": kernels,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "data": data,
        "git": git_state(Path(__file__).parent) or stated_commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
    }


def versions() -> dict[str, str | None]:
    """As the packages themselves give them, so that this works for a package that is not installed.

    Importing torchvision takes long, so its version is read from its metadata, and is None without them. torch names
    its build too (2.11.0+cu130), which the metadata may leave out.
    """
    try:
        torchvision = version("torchvision")
    except PackageNotFoundError:
        torchvision = None
    return {
        "resnet-repro": __version__,
        "torch": str(torch.__version__),
        "torchvision": torchvision,
        "numpy": np.__version__,
    }


def git_state(package: Path) -> dict[str, Any] | None:
    """The commit this package was run from, and whether tracked files differed, results apart.

    None outside its repository, or where git cannot be asked.
    """

    def git(*arguments: str) -> str:
        call = ["git", "-C", str(package), *arguments]
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != package.parent.resolve():
            return None  # installed into an environment that happens to lie inside some other repository
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "-uno", "--", ":/", ":/!results")),
            "from": "git",
        }
    except (OSError, subprocess.SubprocessError):
        return None


def stated_commit() -> dict[str, Any] | None:
    """The commit that RESNET_REPRO_COMMIT names, for a copy of the code without its repository.

    Nobody can tell whether such a copy differs from the commit, so `dirty` is None. A value that is no commit is left
    out and said.
    """
    commit = os.environ.get(COMMIT_VARIABLE, "").strip().lower()
    if not commit:
        return None
    if not re.fullmatch("[0-9a-f]{7,64}", commit):
        log.warning(
            "%s: should be the commit's 7 to 64 hexadecimal digits; the commit is not recorded", COMMIT_VARIABLE
        )
        return None
    return {"commit": commit, "dirty": None, "from": COMMIT_VARIABLE}
