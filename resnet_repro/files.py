"""Reads and writes whole files; an error of the operating system becomes one line that names the path."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from resnet_repro.errors import ReproError, RunError

ELSEWHERE = "choose another --results or make room there"
LARGEST_JSON = 1_000_000  # bytes; ours have a few thousand


@contextmanager
def replacing(path: Path, keep: Path | None = None, otherwise: str = ELSEWHERE) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once it is complete: written beside it, flushed, then renamed.

    The earlier file at `path` is moved to `keep`, if that is given. If anything fails, both stay as they were. Raises
    RunError, which ends with the advice in `otherwise`.
    """
    beside = path.with_name(f"{path.name}.tmp")
    with explained(path, otherwise):
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        if keep and path.exists():
            path.replace(keep)
        beside.replace(path)
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power, on POSIX systems."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path, otherwise: str = ELSEWHERE) -> None:
    """Make a folder and its parents, if they are missing. Raises RunError, which ends with `otherwise`."""
    with explained(folder, otherwise):
        folder.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str, otherwise: str = ELSEWHERE) -> None:
    """Write a UTF-8 file as a whole. Raises RunError, which ends with `otherwise`."""
    with replacing(path, otherwise=otherwise) as file:
        file.write(text.encode())


def read_text(path: Path, largest: int) -> str:
    """The text of a regular UTF-8 file of at most `largest` bytes. Raises RunError."""
    with explained(path):
        if not path.is_file():
            raise RunError(f"{path}: is not a file")
        if path.stat().st_size > largest:
            raise RunError(f"{path}: is too large ({path.stat().st_size} bytes, at most {largest} are allowed)")
        return path.read_bytes().decode()


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if there is no file. Raises RunError if it is damaged."""
    if not path.exists():
        return None
    with explained(path):
        try:
            value = json.loads(read_text(path, LARGEST_JSON))
            to_json(value)  # fails if it is nested too deeply to be written again
        except UnicodeDecodeError:  # a ValueError, which `explained` turns into a better message
            raise
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise RunError(f"{path}: is damaged: it should hold a JSON object; delete it or restore it")
    return value


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
    except ReproError:
        raise
    except UnicodeDecodeError:
        raise RunError(f"{path}: is damaged: not UTF-8 text") from None
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}; {otherwise}") from None
