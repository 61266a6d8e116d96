"""Files that are whole or not there, and what the system refuses, said in one line that names the path."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from resnet_repro.errors import ReproError, RunError

ELSEWHERE = "choose another --results or make room there"
LARGEST_JSON = 1_000_000  # bytes; ours have some thousand


@contextmanager
def replacing(path: Path, keep: Path | None = None, otherwise: str = ELSEWHERE) -> Iterator[BinaryIO]:
    """A file to write in place of `path`: written beside it, flushed, and renamed once it is complete.

    What was there before is kept at `keep`, if that is given. A failure leaves both as they were, and says what to do
    otherwise.
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
    """Have the new names in a folder survive a loss of power, where the system can be asked to."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path, otherwise: str = ELSEWHERE) -> None:
    """With those above it, if they are not there yet. Raises RunError."""
    with explained(folder, otherwise):
        folder.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, text: str, otherwise: str = ELSEWHERE) -> None:
    with replacing(path, otherwise=otherwise) as file:
        file.write(text.encode())


def read_text(path: Path, largest: int) -> str:
    """The text of a regular file of at most `largest` bytes. Raises RunError."""
    with explained(path):
        if not path.is_file():
            raise RunError(f"{path}: is not a file")
        if path.stat().st_size > largest:
            raise RunError(f"{path}: is too large ({path.stat().st_size} bytes, {largest} at the most)")
        return path.read_bytes().decode()


def read_json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    with explained(path):
        try:
            value = json.loads(read_text(path, LARGEST_JSON))
            to_json(value)  # what nests too deeply to be written again is damaged too
        except UnicodeDecodeError:  # a ValueError, which `explained` has better words for
            raise
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise RunError(f"{path}: is damaged: it should hold a JSON object; delete it or restore it")
    return value


def to_json(value: Any) -> str:
    """JSON for people: indented, and null for numbers that JSON has not (NaN, infinity)."""

    def finite(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: finite(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [finite(inner) for inner in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return json.dumps(finite(value), indent=2, allow_nan=False) + "\n"


@contextmanager
def explained(path: Path, otherwise: str = ELSEWHERE) -> Iterator[None]:
    """Turn what the system refuses into one line that names the path, and what to do otherwise."""
    try:
        yield
    except ReproError:
        raise
    except UnicodeDecodeError:
        raise RunError(f"{path}: is damaged: not UTF-8 text") from None
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}; {otherwise}") from None
