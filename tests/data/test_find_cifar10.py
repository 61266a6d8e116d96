"""Finding the folder of CIFAR-10."""

import hashlib
import io
import logging
import tarfile
from pathlib import Path

import numpy as np
import pytest

from resnet_repro.data import cifar10, places
from resnet_repro.data.cifar10 import find_cifar10, load_cifar10, open_cifar10
from resnet_repro.data.fetch import fetch_cifar10
from resnet_repro.errors import DataError


def test_the_error_for_absent_data_names_three_remedies(tmp_path: Path) -> None:
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path / "absent")
    text = str(failure.value)
    assert text.startswith(f"{tmp_path / 'absent'}: ")
    assert "data fetch" in text
    assert "--data-dir" in text
    assert "data.dataset=synthetic" in text


@pytest.mark.parametrize("name", ["cifar-10-batches-bin", "cifar-10-batches-py"])
def test_either_layout_is_found_in_the_data_folder_and_as_the_data_folder(tmp_path: Path, name: str) -> None:
    assert find_cifar10(tmp_path) is None
    (tmp_path / name).mkdir()
    assert find_cifar10(tmp_path) == tmp_path / name
    assert find_cifar10(tmp_path / name) == tmp_path / name


def test_the_data_folder_may_be_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cifar-10-batches-bin").mkdir()
    monkeypatch.chdir(tmp_path / "cifar-10-batches-bin")
    folder = find_cifar10(Path("."))
    assert folder is not None
    assert folder.resolve() == tmp_path / "cifar-10-batches-bin"


def test_the_python_version_is_preferred(tmp_path: Path) -> None:
    for name in ("cifar-10-batches-bin", "cifar-10-batches-py"):
        (tmp_path / name).mkdir()
    assert find_cifar10(tmp_path) == tmp_path / "cifar-10-batches-py"


def test_a_file_of_the_right_name_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").touch()
    assert find_cifar10(tmp_path) is None


FILES = [f"{name}.bin" for name in (*cifar10.TRAIN_FILES, *cifar10.TEST_FILES)]


@pytest.fixture
def batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with small batches of the binary version."""
    monkeypatch.setattr(cifar10, "IMAGES_A_FILE", 2)
    folder = tmp_path / "batches"
    folder.mkdir()
    for name in FILES:
        np.zeros(2 * cifar10.RECORD, np.uint8).tofile(folder / name)
    return folder


def packed(folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack the folder as what counts as the official archive."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, places.BINARY_FOLDER)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(places.ARCHIVES, archive.name, (places.BINARY_FOLDER, md5))


@pytest.mark.parametrize(
    "place",
    [
        ".", "CIFAR", "cifar-10-binary/cifar-10-batches-bin", "cifar10/cifar-10-batches-bin",
        "cifar-10-batches-bin/cifar-10-batches-bin",
    ],
)  # fmt: skip
def test_batches_are_found_one_folder_deeper_and_right_in_the_folder(tmp_path: Path, batches: Path, place: str) -> None:
    goal = tmp_path / "data" / place
    goal.parent.mkdir(parents=True, exist_ok=True)
    batches.rename(goal)
    folder, dataset = open_cifar10(tmp_path / "data")
    assert (folder, len(dataset.train.labels), len(dataset.test.labels)) == (goal, 10, 2)


def test_python_batches_right_in_the_folder_are_checked_and_named(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"")
    assert find_cifar10(tmp_path) == tmp_path
    with pytest.raises(DataError, match="data_batch_1: damaged, or not a file of CIFAR-10: expected MD5"):
        load_cifar10(tmp_path)


def test_an_archive_that_was_left_packed_is_checked_and_unpacked(
    tmp_path: Path, batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    packed(batches, data / "cifar-10-binary.tar.gz", monkeypatch)
    folder, dataset = open_cifar10(data)
    assert (folder, len(dataset.train.labels)) == (data / places.BINARY_FOLDER, 10)
    assert sorted(path.name for path in data.iterdir()) == [places.BINARY_FOLDER, "cifar-10-binary.tar.gz"]


@pytest.mark.parametrize("name", places.ARCHIVES)
def test_a_damaged_archive_is_named_and_not_opened(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("it was opened"))
    (tmp_path / name).write_bytes(b"half of it")
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert str(failure.value).startswith(f"{tmp_path / name}: cannot be unpacked: it is damaged, or not the official")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_whole_data_beside_damaged_ones_are_used_and_said(
    tmp_path: Path, batches: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    (data / places.PYTHON_FOLDER).mkdir(parents=True)
    batches.rename(data / places.BINARY_FOLDER)
    with caplog.at_level(logging.WARNING):
        assert open_cifar10(data)[0] == data / places.BINARY_FOLDER
    assert f"{data / places.PYTHON_FOLDER / 'data_batch_1'}: damaged, or not" in caplog.text
    assert f"{data / places.BINARY_FOLDER} is used instead" in caplog.text


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_an_archive_at_hand_is_fetched_by_its_path(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        info = tarfile.TarInfo(f"{places.PYTHON_FOLDER}/data_batch_1")
        tar.addfile(info)
    archive = tmp_path / "down loads.tgz"
    archive.write_bytes(content.getvalue())
    md5 = hashlib.md5(content.getvalue()).hexdigest()
    monkeypatch.setitem(places.ARCHIVES, places.PYTHON_ARCHIVE, (places.PYTHON_FOLDER, md5))
    folder = fetch_cifar10(tmp_path / "data", form.format(str(archive).replace(" ", "%20" if ":" in form else " ")))
    assert [path.name for path in folder.iterdir()] == ["data_batch_1"]
    assert archive.exists()


@pytest.mark.parametrize("names", [["train", "test"], ["cifar10-train.parquet"], ["cifar-10-matlab.mat"], []])
def test_forms_that_are_not_read_are_named_with_those_that_are(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    text = str(failure.value)
    assert "cifar-10-batches-py, cifar-10-batches-bin, or the official archive of one" in text
    assert all(name in text for name in names)
    assert ("it holds" in text) == bool(names)
    assert "\n" not in text
