"""What `environment.json` records of a run, so that its numbers can be traced and repeated."""

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import resnet_repro
from resnet_repro.runner.commit import find_commit
from resnet_repro.training.device import device_name

# Options that do not belong into a record, and whether a value follows.
NOT_RECORDED = {
    "--results": True,
    "--data-dir": True,
    "--jobs": True,
    "--on": True,
    "--time-limit": True,
    "--checkpoint-seconds": True,
    "--restart": False,
}


def describe_environment(
    device: torch.device,
    precision: str,
    engine: str,
    data: dict[str, Any],
    ranks: int = 1,
    kernels: str = "torch",
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Versions, device, threads, ranks, precision, kernels, the commit of this code, data and command.

    `kernels` is "fused" where our kernels compute BN, addition and ReLU in one operation, "torch" for torch's own.
    `command` has the arguments of the command that repeats the run, by default those of this process.
    """
    return {
        "command": ["resnet-repro", *repeatable(sys.argv[1:] if command is None else command)],
        "device": device.type,
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "ranks": ranks,
        "precision": precision,
        "engine": engine,
        "kernels": kernels,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "data": data,
        "git": find_commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
    }


def repeatable(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command that repeat its numbers, without what is private to one machine.

    Left out are the folders of results and data, and how long and how many runs at once to train. A path to a spec is
    kept relative to the working folder, or as the file's name if it lies elsewhere.
    """
    kept: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        option, equals, value = argument.partition("=")
        if option in NOT_RECORDED:
            if NOT_RECORDED[option] and not equals:
                next(remaining, None)  # its value
        else:
            kept.append(f"{option}={_relative(value)}" if equals and os.path.isabs(value) else _relative(argument))
    return kept


def _relative(argument: str) -> str:
    """With / between folders on every system, so that the command can be repeated on another."""
    if not os.path.isabs(argument):
        return argument.replace(os.sep, "/")
    path = Path(os.path.normpath(argument))
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name


def versions() -> dict[str, str | None]:
    """The versions of the packages that may change numbers.

    They come from the packages themselves, so that this works where resnet-repro is not installed, and names torch's
    build too (2.11.0+cu130). Importing torchvision takes long, so its version comes from its metadata, or is None.
    """
    try:
        torchvision = version("torchvision")
    except PackageNotFoundError:
        torchvision = None
    return {
        "resnet-repro": resnet_repro.__version__,
        "torch": str(torch.__version__),
        "torchvision": torchvision,
        "numpy": np.__version__,
    }
