"""The commit of this code: from git, from a variable, or from what the build of a wheel noted.

The build runs this file by itself (hatch_build.py), so it imports nothing but Python's own modules.
"""

import json
import logging
import os
import re
import subprocess
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.parent
COMMIT_VARIABLE = "RESNET_REPRO_COMMIT"
BUILT_FROM = "built_from.json"  # in the package, written by the build of a wheel or an sdist

log = logging.getLogger(__name__)


def find_commit() -> dict[str, Any] | None:
    """The commit of this code, whether it has changes, and how both are known; None if nothing tells."""
    return git_state(PACKAGE) or stated_commit() or built_commit(PACKAGE)


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
        log.warning("%s: should be the commit's 7 to 64 hexadecimal digits; it is ignored", COMMIT_VARIABLE)
        return None
    return {"commit": commit, "dirty": None, "from": COMMIT_VARIABLE}


def built_commit(package: Path) -> dict[str, Any] | None:
    """The commit that an installed package was built from, and whether the tree had changes then; None if unknown."""
    try:
        return {**json.loads((package / BUILT_FROM).read_text()), "from": "build"}
    except FileNotFoundError:
        return None
