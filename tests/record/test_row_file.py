"""A file of rows grows by what is appended, and stays whole whatever happens to it meanwhile."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from run_folders import probe_row, probed_folder, row, unfinished_folder

from resnet_repro import files
from resnet_repro.errors import RunError
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.row_file import RowFile
from resnet_repro.record.rows import Row, read_rows, rows_text
from resnet_repro.record.run import read_run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return probed_folder(tmp_path)


@pytest.fixture
def metrics(tmp_path: Path) -> RowFile[Row]:
    file = RowFile(tmp_path / "metrics.csv", Row, [row(1), row(2)])
    file.write()
    return file


def test_a_row_costs_the_same_however_long_the_file_is(folder: RunFolder) -> None:
    files = [folder.path / name for name in ("metrics.csv", "probes.csv")]
    before = [path.stat().st_ino for path in files]
    for step in range(3, 50):
        folder.append(row(step))
        folder.append_probes([probe_row(step), probe_row(step)])
    assert [path.stat().st_ino for path in files] == before  # nothing but the new rows was written
    run = read_run(folder.path)
    assert (len(run.rows), len(run.probes)) == (48, 97)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize("change", [Path.unlink, cut, lengthen], ids=["deleted", "cut", "longer"])
def test_a_file_that_somebody_has_changed_is_whole_again_after_the_next_row(
    metrics: RowFile[Row], change: Callable[[Path], None]
) -> None:
    change(metrics.path)
    metrics.append([row(3)])
    assert read_rows(metrics.path, Row) == [row(1), row(2), row(3)]


@pytest.mark.parametrize("lacking", [0, os.O_NOFOLLOW], ids=["Linux", "Windows"])
def test_nothing_is_appended_through_a_link(
    metrics: RowFile[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: int
) -> None:
    monkeypatch.setattr(files, "APPEND", files.APPEND & ~lacking)
    target = metrics.path.rename(tmp_path / "target")
    metrics.path.symlink_to(target)
    before = target.read_bytes()
    with pytest.raises(RunError, match=r"metrics\.csv: is a link, and nothing is written through links"):
        metrics.append([row(3)])
    assert target.read_bytes() == before


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Inside, the system writes files up to `size` bytes, as if the disk were full then."""
    handler, (soft, hard) = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_within_a_row_keeps_the_rows_before_it(metrics: RowFile[Row]) -> None:
    whole = metrics.path.read_bytes()
    with largest_file(len(whole) + 10), pytest.raises(RunError, match=r"metrics\.csv: File too large; choose another"):
        metrics.append([row(3)])
    assert metrics.path.read_bytes() == whole


def test_a_row_that_is_just_being_written_does_not_hide_those_before_it(tmp_path: Path) -> None:
    folder = unfinished_folder(tmp_path)
    with open(folder.path / "metrics.csv", "a") as file:
        file.write(rows_text(Row, [row(3)]).splitlines()[1][:-4])
    assert read_run(folder.path).rows == (row(1), row(2))
    folder.close("interrupted", 2, 1, {}, 0.2)
    (folder.path / "metrics.csv").write_text(rows_text(Row, [row(1)])[:-2])
    with pytest.raises(RunError, match="the line is cut"):
        read_run(folder.path)
