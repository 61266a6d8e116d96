"""Reads and writes whole files; an error of the operating system becomes one line that names the path."""

import io
import json
import math
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from resnet_repro.errors import RunError

ELSEWHERE = "choose another --results or make room there"
LARGEST_JSON = 1_000_000  # bytes; ours have a few thousand
DEEPEST_JSON = 32  # levels; indentation would blow up deeper values
BUSY_SECONDS = 5.0  # for which a file may be open in another program
TEMPORARY = ".writing-"  # begins the name of a file that is not complete yet
# O_EXCL and O_NOFOLLOW: never open what is already there, and never follow a link. Windows lacks some of these flags.
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # opening a FIFO then does not wait for its other end


@contextmanager
def replacing(path: Path, keep: Path | None = None, otherwise: str = ELSEWHERE) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once it is complete: written beside it, flushed, then renamed.

    This is the only way in which the package writes a whole file. The file beside it is a new one with a random name,
    so that nothing that lies in the folder, a link for example, can lead the writing to another place. What `path`
    was before, a link or a file, is moved to `keep` in the same folder if that is given, else replaced. If anything
    fails, both stay as they were. Raises RunError, which ends with the advice in `otherwise`.
    """
    with explained(path, otherwise), _opened(path.parent) as (folder, place):
        beside = f"{TEMPORARY}{secrets.token_hex(8)}"

        def rename(name: str, to: str) -> None:
            once_unused(lambda: os.replace(place(name), place(to), src_dir_fd=folder, dst_dir_fd=folder))

        try:
            with open(os.open(place(beside), CREATE, 0o666, dir_fd=folder), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if keep:
                with suppress(FileNotFoundError):
                    rename(path.name, keep.name)
            rename(beside, path.name)
        except BaseException:
            with suppress(OSError):
                os.unlink(place(beside), dir_fd=folder)
            raise
        if folder is not None:
            os.fsync(folder)  # the rename survives a loss of power


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[int | None, Callable[[str], str]]]:
    """A descriptor of a folder, and a function that makes the path of a name in it.

    Names are relative to the opened folder, so that it cannot be exchanged meanwhile. Windows cannot do that: there,
    the descriptor is None and paths are whole.
    """
    if sys.platform == "win32":
        yield None, lambda name: str(folder / name)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor, lambda name: name
    finally:
        os.close(descriptor)


def once_unused(change: Callable[[], object]) -> None:
    """Rename or delete a file, as soon as that is possible. Raises OSError.

    On Windows it fails while another program has the file open, as a virus scanner does after each writing, or a
    command that reads results.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while time.monotonic() < deadline:
        with suppress(PermissionError):
            change()
            return
        time.sleep(0.05)
    change()


def delete(path: Path) -> None:
    """Delete a file if it is there, as soon as that is possible. Raises OSError."""
    once_unused(lambda: path.unlink(missing_ok=True))


def remove_incomplete(folder: Path) -> None:
    """Delete the files that a killed process left incomplete in a folder. No other process may be writing there."""
    with explained(folder):
        for path in folder.glob(f"{TEMPORARY}*"):
            delete(path)


def open_to_append(path: Path, otherwise: str = ELSEWHERE) -> io.FileIO:
    """Open a file to append to it, unbuffered, and make it if it is missing. Raises RunError if it is a link."""
    with explained(path, otherwise):
        if path.is_symlink():  # asked here too, as Windows lacks O_NOFOLLOW
            raise RunError(f"{path}: is a link, and nothing is written through links; remove it")
        descriptor = os.open(path, APPEND | AT_ONCE, 0o666)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(descriptor)
            raise RunError(f"{path}: is not a file of its own; remove it")
        return open(descriptor, "ab+", buffering=0)


def make_folder(folder: Path, otherwise: str = ELSEWHERE) -> None:
    """Make a folder and its parents, if they are missing. Raises RunError, which ends with `otherwise`."""
    with explained(folder, otherwise):
        folder.mkdir(parents=True, exist_ok=True)


def check_within(folder: Path, within: Path) -> None:
    """Raise RunError if a link leads `folder`, which is written below `within`, to another place."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(within)):
        raise RunError(
            f"{folder}: a link leads out of {within}, and nothing is written through it; remove the link, or name the "
            "folder behind it yourself"
        )


def write_text(path: Path, text: str, otherwise: str = ELSEWHERE) -> None:
    """Write a UTF-8 file as a whole. Raises RunError, which ends with `otherwise`."""
    with replacing(path, otherwise=otherwise) as file:
        file.write(text.encode(errors="backslashreplace"))  # names of files may hold bytes that are no UTF-8


def read_bytes(path: Path, largest: int) -> bytes:
    """The content of a regular file of at most `largest` bytes. Raises RunError.

    The opened file is checked, not its name, and opening never waits: a FIFO, a device, a folder or a file that grows
    meanwhile is refused.
    """
    try:
        with open(os.open(path, READ | AT_ONCE), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RunError(f"{path}: is not a regular file")
            content = file.read(status.st_size + 1) if status.st_size <= largest else b""
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from None
    if (size := max(status.st_size, len(content))) > largest:
        raise RunError(f"{path}: is too large ({size:,} bytes, at most {largest:,} are allowed)")
    return content


def read_text(path: Path, largest: int) -> str:
    """The text of a regular UTF-8 file of at most `largest` bytes, without a byte order mark. Raises RunError."""
    try:
        return read_bytes(path, largest).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RunError(f"{path}: is damaged: not UTF-8 text") from None


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if there is no file. Raises RunError if it is damaged."""
    if not path.exists():
        return None
    try:
        return parse_json(read_text(path, LARGEST_JSON))
    except ValueError:
        raise RunError(f"{path}: is damaged: it should hold a JSON object; delete it or restore it") from None


def parse_json(text: str) -> dict[str, Any]:
    """The JSON object in a text. Raises ValueError if there is none."""
    try:
        value = json.loads(text)
        _check_depth(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _check_depth(value: Any, depth: int = 0) -> None:
    """Raise ValueError if a value of JSON is nested too deeply to be written again."""
    if depth > DEEPEST_JSON:
        raise ValueError("nested too deeply")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, depth + 1)


def to_json(value: Any) -> str:
    """Indented JSON text; NaN and infinity, which JSON lacks, become null."""

    def finite(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: finite(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [finite(inner) for inner in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return json.dumps(finite(value), indent=2, allow_nan=False) + "\n"


@contextmanager
def explained(path: Path, otherwise: str = ELSEWHERE) -> Iterator[None]:
    """Turn an OSError about `path` into a RunError whose message ends with the advice in `otherwise`."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}; {otherwise}") from None
