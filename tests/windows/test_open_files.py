"""On Windows a file cannot be replaced or deleted while another program has it open."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet_repro import files
from resnet_repro.errors import RunError
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import LOG
from resnet_repro.spec.file import load_spec


def refusing(change: Callable[..., None], times: int, name: str = "") -> Callable[..., None]:
    """Fails so many times for paths that end with `name`, as if their file were closed then."""
    left = times

    def refused(path: str | Path, *arguments: str, **options: int | None) -> None:
        nonlocal left
        if str(path).endswith(name) and left > 0:
            left -= 1
            raise PermissionError(errno.EACCES, "The file is being used by another process")
        change(path, *arguments, **options)

    return refused


def test_a_file_that_is_open_is_replaced_as_soon_as_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_text(tmp_path / "summary.json", "old")
    monkeypatch.setattr(os, "replace", refusing(os.replace, 3))
    files.write_text(tmp_path / "summary.json", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("summary.json", "new")]


def test_a_file_that_stays_open_is_one_line_and_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_text(tmp_path / "summary.json", "old")
    monkeypatch.setattr(files, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(os, "replace", refusing(os.replace, 1000))
    with pytest.raises(RunError, match=r"summary\.json: The file is being used by another process; "):
        files.write_text(tmp_path / "summary.json", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("summary.json", "old")]


def test_a_restart_discards_all_but_the_log_that_the_process_itself_has_open(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path, load_spec(tiny))
    folder.begin({})
    folder.log.write_text("of this process\n")
    monkeypatch.setattr(os, "unlink", refusing(os.unlink, 1000, LOG))
    folder.discard()
    assert [path.name for path in folder.path.iterdir()] == [LOG]
