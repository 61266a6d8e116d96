"""What `environment.json` records of a run, so that its numbers can be traced and repeated."""

import logging
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import resnet_repro
from resnet_repro.training.device import device_name

# Options that do not belong into a record, and whether a value follows.
NOT_RECORDED = {
    "--results": True,
    "--data-dir": True,
    "--jobs": True,
    "--time-limit": True,
    "--checkpoint-seconds": True,
    "--restart": False,
}
PACKAGE = Path(resnet_repro.__file__).parent
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
    """Versions, device, threads, ranks, precision, kernels, the commit of this code, data and command.

    `kernels` is "fused" where our kernels compute BN, addition and ReLU in one operation, "torch" for torch's own.
    """
    return {
        "command": ["resnet-repro", *repeatable(sys.argv[1:])],
        "device": device.type,
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "ranks": ranks,
        "precision": precision,
        "engine": engine,
        "kernels": kernels,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "data": data,
        "git": git_state(PACKAGE) or stated_commit(),
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
        option, equals, _ = argument.partition("=")
        if option in NOT_RECORDED:
            if NOT_RECORDED[option] and not equals:
                next(remaining, None)  # its value
        else:
            kept.append(_relative(argument))
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


def git_state(package: Path) -> dict[str, Any] | None:
    """The commit of the repository that holds this package, and whether tracked files outside results/ were changed.

    None if the package is not in its own repository, or git fails.
    """

    def git(*arguments: str) -> str:
        call = ["git", "-C", str(package), *arguments]
        done = subprocess.run(call, capture_output=True, check=True, timeout=10)
        return os.fsdecode(done.stdout).strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != package.parent.resolve():
            return None  # installed into an environment inside another repository
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "-uno", "--", ":/", ":/!results")),
            "from": "git",
        }
    except (OSError, subprocess.SubprocessError):
        return None


def stated_commit() -> dict[str, Any] | None:
    """The commit in the variable RESNET_REPRO_COMMIT, for a copy of the code without its repository.

    `dirty` is None, as such a copy may differ from the commit. Warns and returns None if the value is not a commit.
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
