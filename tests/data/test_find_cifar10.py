"""Finding the folder of CIFAR-10."""

from pathlib import Path

import pytest

from resnet_repro.data.cifar10 import find_cifar10, load_cifar10
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
