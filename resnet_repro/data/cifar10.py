"""Finds, checks and reads CIFAR-10 (Krizhevsky 2009) in either official layout."""

import hashlib
import logging
import warnings
from pathlib import Path

import numpy as np

from resnet_repro.data.dataset import Dataset, Split, content_digest
from resnet_repro.data.places import BINARY_FOLDER as BINARY_FOLDER
from resnet_repro.data.places import PYTHON_FOLDER as PYTHON_FOLDER
from resnet_repro.data.places import TRAIN_FILES as TRAIN_FILES
from resnet_repro.data.places import Place, find_places, what_is_there
from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.errors import DataError, RunError
from resnet_repro.files import read_bytes
from resnet_repro.papers.data import CIFAR10_NAME, TEST_DIGEST, TRAIN_DIGEST

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TEST_FILES = ("test_batch",)
IMAGES_A_FILE = 10_000
LARGEST_BATCH = 50_000_000  # bytes of a pickled batch; the official ones have 31 million
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, green and blue planes

log = logging.getLogger(__name__)


def load_cifar10(data_dir: Path, train_images: int = 50_000, test_images: int = 10_000) -> Dataset:
    """CIFAR-10 from `data_dir`, always the whole of it. Raises DataError if it is absent or a file is damaged."""
    return open_cifar10(data_dir)[1]


def open_cifar10(data_dir: Path) -> tuple[Path, Dataset]:
    """CIFAR-10 and its folder, the first one that is not damaged. Raises DataError if there is none."""
    faults: list[DataError] = []
    for place in find_places(data_dir):
        try:
            dataset = _open(place)
        except DataError as error:
            faults.append(error)
            continue
        if faults:
            log.warning("%s; %s is used instead", faults[0], place.folder)
        return place.folder, dataset
    if faults:
        raise faults[0]
    raise DataError(
        f"{data_dir}: there is no CIFAR-10 here ({PYTHON_FOLDER}, {BINARY_FOLDER}, or the official archive of one)"
        f"{what_is_there(data_dir)}; "
        "download it with 'resnet-repro data fetch' or name its folder with --data-dir; "
        "'resnet-repro train SPEC --set data.dataset=synthetic' trains without it, on synthetic images"
    )


def _open(place: Place) -> Dataset:
    read = _read_binary
    if place.layout == "python":
        _check_python(place.folder)
        read = _read_python
    train, test = read(place.folder, TRAIN_FILES), read(place.folder, TEST_FILES)
    digests = content_digest(train), content_digest(test)
    exact = digests == (TRAIN_DIGEST, TEST_DIGEST)
    name = CIFAR10_NAME if exact else f"not the true CIFAR-10 (digests {digests[0][:8]}, {digests[1][:8]})"
    return Dataset(name, exact, " ".join(digests), train, test)


def find_cifar10(data_dir: Path) -> Path | None:
    """The folder of either layout in `data_dir`, or `data_dir` itself, or None. Prefers the Python version."""
    places = find_places(data_dir)
    return places[0].folder if places else None


def _check_python(folder: Path) -> None:
    """Check the MD5 of every file before one is opened, as pickles can run code. Raises DataError."""
    datasets = import_torchvision().datasets
    cifar10 = datasets.CIFAR10
    for name, official in (*cifar10.train_list, *cifar10.test_list, (cifar10.meta["filename"], cifar10.meta["md5"])):
        path = folder / name
        found = _md5(path)
        if found != official:
            raise DataError(
                f"{path}: damaged, or not a file of CIFAR-10: expected MD5 {official}, found {found}; "
                f"delete {folder} and run 'resnet-repro data fetch'"
            )


def _md5(path: Path) -> str:
    """The MD5 of a batch, or why it has none."""
    if not path.exists():
        return "no such file"
    try:
        return hashlib.md5(read_bytes(path, LARGEST_BATCH), usedforsecurity=False).hexdigest()
    except RunError as error:
        return str(error).removeprefix(f"{path}: ")


def _read_python(folder: Path, names: tuple[str, ...]) -> Split:
    """Read the Python version, which must have been checked."""
    with warnings.catch_warnings():  # NumPy 2.4 warns about the old official pickles
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        cifar10 = import_torchvision().datasets.CIFAR10
        here = type("CIFAR10", (cifar10,), {"base_folder": ""})  # whatever the folder is called
        data = here(folder, train=names == TRAIN_FILES)
    return Split(np.ascontiguousarray(data.data), np.array(data.targets, np.int64))


def _read_binary(folder: Path, names: tuple[str, ...]) -> Split:
    """Read the binary version, plain records that cannot run code. Raises DataError."""
    parts = []
    for name in names:
        path = folder / f"{name}.bin"
        expected = IMAGES_A_FILE * RECORD
        found = path.stat().st_size if path.is_file() else None
        if found != expected:
            size = "no such file" if found is None else f"found {found}"
            raise DataError(f"{path}: damaged: expected {expected} bytes, {size}; put the official file there")
        records = np.fromfile(path, np.uint8).reshape(-1, RECORD)
        if records[:, 0].max() >= len(CLASSES):
            row = int(np.argmax(records[:, 0] >= len(CLASSES)))
            raise DataError(
                f"{path}: damaged: expected labels 0 to 9, found {records[row, 0]} in record {row}; "
                "put the official file there"
            )
        parts.append(records)
    joined = np.concatenate(parts)
    planes = joined[:, 1:].reshape(-1, 3, 32, 32)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), joined[:, 0].astype(np.int64))
