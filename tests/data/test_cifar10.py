"""CIFAR-10 on disk: both layouts, checked and read."""

import hashlib
import os
import pickle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from conftest import REAL_DATA

from resnet_repro.data import cifar10
from resnet_repro.data.cifar10 import CLASSES, find_cifar10, load_cifar10
from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.errors import DataError

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
IMAGES = 50  # of a file, instead of 10,000
BYTES = IMAGES * cifar10.RECORD  # of one file of the binary version


class Fake(NamedTuple):
    """Random images in both layouts, well-formed."""

    records: npt.NDArray[np.uint8]  # (300, 3073), the test set last
    binary: Path
    python: Path
    digests: dict[str, str]  # the MD5 of each file in `python`


def write_binary(folder: Path, files: dict[str, npt.NDArray[np.uint8]]) -> None:
    folder.mkdir()
    for name, records in files.items():
        records.tofile(folder / f"{name}.bin")


def write_python(folder: Path, files: dict[str, npt.NDArray[np.uint8]]) -> None:
    folder.mkdir()
    for name, records in files.items():
        content = {"data": records[:, 1:], "labels": records[:, 0].tolist()}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    base = tmp_path_factory.mktemp("fake")
    random = np.random.default_rng(0)
    records = random.integers(0, 256, (6 * IMAGES, 3073), np.uint8)
    records[:, 0] = random.integers(0, 10, 6 * IMAGES)
    files = dict(zip(NAMES, np.split(records, 6), strict=True))
    binary, python = base / "cifar-10-batches-bin", base / "cifar-10-batches-py"
    write_binary(binary, files)
    write_python(python, files)
    digests = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in python.iterdir()}
    return Fake(records, binary, python, digests)


@pytest.fixture
def fake(made: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """The images, as files of IMAGES of which the package knows."""
    monkeypatch.setattr(cifar10, "IMAGES_A_FILE", IMAGES)
    return made


def linked(folder: Path, goal: Path) -> Path:
    """A copy of a folder whose files can be replaced one by one."""
    goal.mkdir()
    for path in folder.iterdir():
        (goal / path.name).symlink_to(path)
    return goal


def replace(path: Path, content: bytes) -> Path:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return path


def make_official(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make torchvision accept the Python version as the official one."""
    official = import_torchvision().datasets.CIFAR10
    monkeypatch.setattr(official, "train_list", [[name, fake.digests[name]] for name in NAMES[:5]])
    monkeypatch.setattr(official, "test_list", [["test_batch", fake.digests["test_batch"]]])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": fake.digests["batches.meta"]})


def test_both_layouts_give_the_same_images_and_name_data_that_is_not_cifar10(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_official(fake, monkeypatch)
    planes = fake.records[:, 1:].reshape(-1, 3, 32, 32)
    digests = set()
    for folder in (fake.binary, fake.python):
        dataset = load_cifar10(folder)
        for split, part in [(dataset.train, slice(5 * IMAGES)), (dataset.test, slice(5 * IMAGES, None))]:
            assert np.array_equal(split.images, planes[part].transpose(0, 2, 3, 1))
            assert np.array_equal(split.labels, fake.records[part, 0])
            assert split.images.dtype == np.uint8
            assert split.labels.dtype == np.int64
            assert split.images.flags.c_contiguous
        assert not dataset.exact
        train, test = dataset.digest.split()
        assert dataset.name == f"not the true CIFAR-10 (digests {train[:8]}, {test[:8]})"
        digests.add(dataset.digest)
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["data_batch_1", "data_batch_5", "test_batch"])
@pytest.mark.parametrize("size", [0, BYTES - 1, BYTES + 1])
def test_a_binary_file_of_another_size_is_damaged(fake: Fake, tmp_path: Path, name: str, size: int) -> None:
    folder = linked(fake.binary, tmp_path / fake.binary.name)
    os.truncate(replace(folder / f"{name}.bin", b""), size)
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert f"{folder / name}.bin: damaged: expected {BYTES} bytes, found {size};" in str(failure.value)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
def test_a_missing_binary_file_is_named(fake: Fake, tmp_path: Path, name: str) -> None:
    folder = linked(fake.binary, tmp_path / fake.binary.name)
    (folder / f"{name}.bin").unlink()
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert f"{folder / name}.bin: damaged: expected {BYTES} bytes, no such file;" in str(failure.value)


@pytest.mark.parametrize(("name", "row", "label"), [("data_batch_1", 0, 10), ("test_batch", IMAGES - 1, 255)])
def test_a_binary_file_with_a_label_above_nine_is_damaged(
    fake: Fake, tmp_path: Path, name: str, row: int, label: int
) -> None:
    folder = linked(fake.binary, tmp_path / fake.binary.name)
    records = np.zeros((IMAGES, 3073), np.uint8)
    records[row, 0] = label
    replace(folder / f"{name}.bin", records.tobytes())
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert f"{folder / name}.bin: damaged: expected labels 0 to 9, found {label} in record {row};" in str(failure.value)


class Payload:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, goal: Path) -> None:
        self.goal = goal

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.goal),)


@pytest.mark.parametrize("name", ["data_batch_1", "data_batch_5", "test_batch", "batches.meta"])
def test_a_pickle_of_another_md5_is_not_opened(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_official(fake, monkeypatch)
    folder = linked(fake.python, tmp_path / fake.python.name)
    trap = pickle.dumps(Payload(tmp_path / "sprung"))
    replace(folder / name, trap)
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert str(failure.value).startswith(f"{folder / name}: ")
    assert f"expected MD5 {fake.digests[name]}, found {hashlib.md5(trap).hexdigest()};" in str(failure.value)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap)  # noqa: S301  # the trap does work
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_missing_python_file_is_named(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make_official(fake, monkeypatch)
    folder = linked(fake.python, tmp_path / fake.python.name)
    (folder / name).unlink()
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert str(failure.value).startswith(f"{folder / name}: ")
    assert "found no such file" in str(failure.value)


def test_torchvision_knows_the_official_files() -> None:
    official = import_torchvision().datasets.CIFAR10
    assert [name for name, _ in [*official.train_list, *official.test_list]] == NAMES
    assert cifar10.IMAGES_A_FILE * cifar10.RECORD == 30_730_000  # bytes of a file of the binary version


@pytest.mark.skipif(find_cifar10(REAL_DATA) is None, reason=f"there is no CIFAR-10 in {REAL_DATA}")
def test_the_true_cifar10_has_its_known_statistics() -> None:
    dataset = load_cifar10(REAL_DATA)
    assert dataset.exact
    assert dataset.name == "CIFAR-10"
    assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    levels = np.arange(256) / 255
    for colour, mean, std in [(0, 0.4914, 0.2470), (1, 0.4822, 0.2435), (2, 0.4465, 0.2616)]:
        share = np.bincount(dataset.train.images[..., colour].ravel(), minlength=256) / (50_000 * 1024)
        assert (share * levels).sum() == pytest.approx(mean, abs=1e-4)
        assert np.sqrt((share * (levels - (share * levels).sum()) ** 2).sum()) == pytest.approx(std, abs=1e-4)
