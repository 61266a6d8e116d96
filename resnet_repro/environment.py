"""What a run was made with, so that its numbers can be traced and repeated."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from resnet_repro.training.device import device_name

PACKAGES = ("resnet-repro", "torch", "torchvision", "numpy")


def describe_environment(
    device: torch.device, precision: str, engine: str, data: dict[str, Any], ranks: int = 1
) -> dict[str, Any]:
    """Versions, device, threads, ranks, precision in force, the commit of this code, the data, the command."""
    return {
        "command": ["resnet-repro", *sys.argv[1:]],
        "device": device.type,
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "ranks": ranks,
        "precision": precision,
        "engine": engine,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "data": data,
        "git": git_state(Path(__file__).parent),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in PACKAGES},
        "cuda": torch.version.cuda if device.type == "cuda" else None,
    }


def git_state(package: Path) -> dict[str, Any] | None:
    """The commit this package was run from, and whether tracked files differed, results apart.

    None outside its repository.
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
        }
    except (OSError, subprocess.SubprocessError):
        return None
