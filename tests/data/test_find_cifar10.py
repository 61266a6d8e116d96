"""Finding the folder of CIFAR-10."""

import errno
import hashlib
import logging
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from archives import make_official, tar_of

from resnet_repro.data import cifar10, places
from resnet_repro.data.cifar10 import find_cifar10, load_cifar10, open_cifar10
from resnet_repro.data.fetch import fetch_cifar10
from resnet_repro.data.torchvision import import_torchvision
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


def test_what_a_killed_fetch_left_behind_is_not_found(tmp_path: Path) -> None:
    (tmp_path / ".fetch-x" / "cifar-10-batches-py").mkdir(parents=True)
    assert find_cifar10(tmp_path) is None


FILES = (*cifar10.TRAIN_FILES, *cifar10.TEST_FILES)


@pytest.fixture(params=[places.BINARY_FOLDER, places.PYTHON_FOLDER])
def batches(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with small batches, called as in the official archive; the Python version counts as the official one."""
    folder = tmp_path / "made" / request.param
    folder.mkdir(parents=True)
    if request.param == places.BINARY_FOLDER:
        monkeypatch.setattr(cifar10, "IMAGES_A_FILE", 2)
        for name in FILES:
            np.zeros(2 * cifar10.RECORD, np.uint8).tofile(folder / f"{name}.bin")
        return folder
    for name in FILES:
        (folder / name).write_bytes(pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(cifar10.CLASSES)}))
    md5 = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    official = import_torchvision().datasets.CIFAR10
    monkeypatch.setattr(official, "train_list", [[name, md5[name]] for name in cifar10.TRAIN_FILES])
    monkeypatch.setattr(official, "test_list", [[name, md5[name]] for name in cifar10.TEST_FILES])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5["batches.meta"]})
    return folder


def packed(batches: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack the batches as what counts as the official archive."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, batches.name)
    folder, _ = places.ARCHIVES[archive.name]
    monkeypatch.setitem(places.ARCHIVES, archive.name, (folder, hashlib.md5(archive.read_bytes()).hexdigest()))


def test_the_python_archive_is_the_one_that_is_downloaded() -> None:
    official = import_torchvision().datasets.CIFAR10
    assert places.ARCHIVES[official.filename] == (official.base_folder, official.tgz_md5)


@pytest.mark.parametrize("place", [".", "CIFAR", "cifar-10-binary/{0}", "cifar10/{0}", "{0}/{0}"])
def test_batches_are_found_one_folder_deeper_and_right_in_the_folder(tmp_path: Path, batches: Path, place: str) -> None:
    goal = tmp_path / "data" / place.format(batches.name)
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
    archive = "cifar-10-binary.tar.gz" if batches.name == places.BINARY_FOLDER else places.PYTHON_ARCHIVE
    packed(batches, data / archive, monkeypatch)
    for _ in ("unpacked", "found again beside the archive"):
        folder, dataset = open_cifar10(data)
        assert (folder, len(dataset.train.labels)) == (data / batches.name, 10)
        assert sorted(path.name for path in data.iterdir()) == [batches.name, archive]


@pytest.mark.parametrize("batches", [places.BINARY_FOLDER], indirect=True)
def test_an_archive_that_another_process_unpacks_at_the_same_time_is_used(
    tmp_path: Path, batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    packed(batches, data / "cifar-10-binary.tar.gz", monkeypatch)
    unpack = places.unpack

    def second(archive: Path, md5: str, goal: Path) -> Path:
        unpack(archive, md5, goal)
        return unpack(archive, md5, goal)  # which finds the folder of the first one there

    monkeypatch.setattr(places, "unpack", second)
    folder, dataset = open_cifar10(data)
    assert (folder, len(dataset.train.labels)) == (data / batches.name, 10)
    assert len(list(data.iterdir())) == 2


@pytest.mark.parametrize("batches", [places.BINARY_FOLDER], indirect=True)
def test_a_folder_beside_it_that_may_not_be_read_hides_nothing(
    tmp_path: Path, batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = batches.parent / "another"
    private.mkdir()
    stat = os.stat

    def guarded(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if isinstance(path, str | Path) and private in Path(path).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", guarded)
    assert open_cifar10(batches.parent)[0] == batches


@pytest.mark.parametrize("name", places.ARCHIVES)
def test_a_damaged_archive_is_named_and_not_opened(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("it was opened"))
    (tmp_path / name).write_bytes(b"half of it")
    with pytest.raises(DataError) as failure:
        load_cifar10(tmp_path)
    assert str(failure.value).startswith(f"{tmp_path / name}: cannot be unpacked: it is damaged, or not the official")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("batches", [places.BINARY_FOLDER], indirect=True)
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


@pytest.mark.parametrize("form", ["{path}", "file://{quoted}", "~/{name}"])
def test_an_archive_at_hand_is_fetched_by_its_path(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tar_of({f"{places.PYTHON_FOLDER}/data_batch_1": b""})
    make_official(content, monkeypatch)
    archive = tmp_path / "down loads.tgz"
    archive.write_bytes(content)
    monkeypatch.setenv("HOME", str(tmp_path))
    url = form.format(path=archive, quoted=quote(str(archive)), name=archive.name)
    folder = fetch_cifar10(tmp_path / "data", url)
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
    unread = f"; it holds {', '.join(sorted(names))}, and pictures, Parquet and MATLAB files are not read; "
    assert (unread in text) == bool(names)
    assert "\n" not in text
