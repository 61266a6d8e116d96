"""Where CIFAR-10 lies in a folder: in either official layout, there or one folder deeper, or packed in its archive."""

import hashlib
import logging
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from resnet_repro.errors import DataError
from resnet_repro.files import once_unused

PYTHON_FOLDER, BINARY_FOLDER = "cifar-10-batches-py", "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{number}" for number in range(1, 6))
PYTHON_ARCHIVE = "cifar-10-python.tar.gz"
# Each archive's folder and MD5, as on https://www.cs.toronto.edu/~kriz/cifar.html.
ARCHIVES = {
    PYTHON_ARCHIVE: (PYTHON_FOLDER, "c58f30108f718f92721af3b95e74349a"),
    "cifar-10-binary.tar.gz": (BINARY_FOLDER, "c32a1d4ab5d03f1284b67883e8d87530"),
}
LARGEST_ARCHIVE = 1_000_000_000  # bytes; the official archives have 170 million
MOST_NAMED = 5  # files in a message

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """A folder that holds, or should hold, the files of one layout."""

    folder: Path
    layout: Literal["python", "binary"]


def find_places(data_dir: Path) -> list[Place]:
    """Where CIFAR-10 lies in a folder, the best place first; an archive is unpacked if there is no other place.

    Raises DataError if an archive cannot be unpacked.
    """
    folders = [data_dir, *_folders_in(data_dir)]
    named = [folder / name for folder in folders for name in (PYTHON_FOLDER, BINARY_FOLDER)]
    places = [place for folder in (*named, data_dir.absolute(), *folders[1:]) for place in _layouts(folder)]
    if places:
        return list(dict.fromkeys(places))
    for name, (folder, md5) in ARCHIVES.items():
        if (data_dir / name).is_file():
            log.warning("%s: unpacks it", data_dir / name)
            try:
                return _layouts(unpack(data_dir / name, md5, data_dir / folder))
            except (OSError, EOFError, tarfile.TarError) as error:
                if unpacked := _layouts(data_dir / folder):  # by another process, meanwhile
                    return unpacked
                raise DataError(
                    f"{data_dir / name}: cannot be unpacked: {error}; free the disk, or download it again"
                ) from None
    return []


def _folders_in(data_dir: Path) -> list[Path]:
    if not os.path.isdir(data_dir):
        return []
    try:
        return sorted(path for path in data_dir.iterdir() if os.path.isdir(path) and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{data_dir}: cannot be read: {error.strerror}") from None


def _layouts(folder: Path) -> list[Place]:
    """The layouts of a folder, by its name or by the files right in it; none if it may not be read."""
    if not os.path.isdir(folder):
        return []
    first = TRAIN_FILES[0]
    found: list[Place] = []
    if folder.name == PYTHON_FOLDER or os.path.exists(folder / first):
        found.append(Place(folder, "python"))
    if folder.name == BINARY_FOLDER or os.path.exists(folder / f"{first}.bin"):
        found.append(Place(folder, "binary"))
    return found


def what_is_there(data_dir: Path) -> str:
    """A part of a message: what a folder holds, of which nothing is CIFAR-10 as it is read."""
    paths = data_dir.iterdir() if data_dir.is_dir() else ()
    names = sorted(path.name for path in paths if not path.name.startswith("."))
    if not names:
        return ""
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f"; it holds {', '.join(names[:MOST_NAMED])}{more}, and pictures, Parquet and MATLAB files are not read"


def unpack(archive: Path, md5: str, goal: Path) -> Path:
    """Unpack an official archive, whose MD5 is checked first, beside `goal`, and move its folder there as a whole.

    The filter refuses paths and links out of the folder, as an MD5 can be forged. Raises OSError or TarError.
    """
    if (size := archive.stat().st_size) > LARGEST_ARCHIVE:
        raise OSError(f"it has {size:,} bytes, so it is not CIFAR-10")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise OSError(f"it is damaged, or not the official archive: expected MD5 {md5}, found {found}")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=goal.parent) as temporary:
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
        once_unused(lambda: (Path(temporary) / goal.name).rename(goal))
    return goal


def local_archive(url: str) -> Path | None:
    """The path of the archive, if `url` is one or begins with file://. Raises ValueError or OSError."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return None
    if "://" in url and parts.scheme != "file":
        raise ValueError("the address does not begin with http://, https:// or file://")
    path = Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(url).expanduser()
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    return path
