"""The copies that a run folder keeps of the user's own files, in `imported/`, and whether they are the ones at hand."""

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resnet_repro.errors import RunError
from resnet_repro.files import ELSEWHERE, check_within, delete, explained, make_folder, read_bytes, replacing
from resnet_repro.spec.own import IMPORTED, LARGEST, OwnFile

OR_TRAIN = ", give yours another name, or discard that run with --restart"  # advice of `train`


def recorded_files(files: Sequence[OwnFile]) -> dict[str, dict[str, str]]:
    """What environment.json records of a run that needs these files: the SHA-256 of each by its name."""
    return {"imported": {file.name: file.digest for file in files}} if files else {}


def check_same(run: Path, environment: dict[str, Any], files: Sequence[OwnFile], otherwise: str) -> None:
    """Raise RunError if a run was made with other files than these. The message ends with the advice in `otherwise`.

    A run that recorded none was made where these names belonged to the package; its commit tells which.
    """
    recorded: dict[str, str] = environment.get("imported") or {}
    ours = {file.digest for file in files}
    if not recorded or set(recorded.values()) == ours:
        return
    other = [name for name, digest in recorded.items() if digest not in ours]
    name = Path((other or list(recorded))[0]).name
    given = " ".join(f"--import {file.path}" for file in files) or "is at hand"
    copy = run / IMPORTED / name
    if copy.is_file() and hashlib.sha256(read_bytes(copy, LARGEST)).hexdigest() in recorded.values():
        advice = f"take the copy in the run's folder, --import {shlex.quote(copy.as_posix())}"
    else:
        advice = f"its copy, {copy}, is missing or has changed too; restore it"
    raise RunError(f"{run}: was made with another {name} than {given}: {advice}{otherwise}")


def write_copies(run: Path, files: Sequence[OwnFile]) -> None:
    """Write the copies into a run folder. Raises RunError."""
    folder = run / IMPORTED
    for file in files:
        check_within(folder, run)
        make_folder(folder)
        with replacing(folder / file.name) as copy:
            copy.write(file.content)


def discard_copies(run: Path, otherwise: str = ELSEWHERE) -> None:
    """Delete the copies, and their folder if it holds nothing else. Raises RunError, which ends with `otherwise`."""
    folder = run / IMPORTED
    if folder.is_dir() and not folder.is_symlink():
        with explained(folder, otherwise):
            for copy in folder.glob("*.py"):
                delete(copy)
            if not any(folder.iterdir()):
                folder.rmdir()
