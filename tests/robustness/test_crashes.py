"""A run that is killed, or whose disk refuses a write, loses nothing: it resumes and gives the same bits."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from forked_command import ForkedCommand
from helpers import assert_same_result, train
from short_run import LABEL, error_of, short_run, status_of, uninterrupted_run

from resnet_repro.files import TEMPORARY
from resnet_repro.record.run import HOLDER, read_run
from resnet_repro.spec import Experiment


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return short_run(tmp_path_factory.mktemp("spec"))


@pytest.fixture(scope="module")
def uninterrupted(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uninterrupted_run(experiment, tmp_path_factory.mktemp("uninterrupted"))


def before_file_changes(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Call `action` before each opening, renaming and deletion of a file."""

    def patched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with monkeypatch.context() as original:
                for name, usual in functions.items():
                    original.setattr(os, name, usual)
                action()
            return function(*arguments, **options)

        return call

    functions = {name: getattr(os, name) for name in ("open", "replace", "unlink")}
    for name, function in functions.items():
        monkeypatch.setattr(os, name, patched(function))


def test_a_kill_between_any_two_operations_on_files_loses_nothing(
    experiment: Experiment, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every state of the folder that SIGKILL could leave, with a checkpoint after each step."""
    results = tmp_path / "parts"
    found: dict[tuple[tuple[str, bytes], ...], list[tuple[str, bytes]]] = {}

    def snapshot() -> None:
        folder = results / LABEL
        files = sorted((path.name, path.read_bytes()) for path in folder.iterdir()) if folder.exists() else []
        found[tuple(file for file in files if not file[0].startswith(TEMPORARY))] = files

    with monkeypatch.context() as patch:
        before_file_changes(patch, snapshot)
        train(experiment, results, checkpoint_seconds=0.0)
    assert len(found) > 20
    names = {TEMPORARY if name.startswith(TEMPORARY) else name for state in found.values() for name, _ in state}
    assert names >= {"checkpoint.pt", TEMPORARY, "checkpoint-previous.pt", "metrics.csv", "summary.json"}
    for number, state in enumerate(found.values()):
        folder = tmp_path / str(number) / LABEL
        folder.mkdir(parents=True)
        for name, content in state:
            if name != HOLDER:  # of this process, which is alive
                (folder / name).write_bytes(content)
        if status_of(folder) != "finished":
            assert train(experiment, tmp_path / str(number), checkpoint_seconds=1000.0) == "finished"
        assert_same_result(folder, uninterrupted)
        assert not list(folder.glob(f"{TEMPORARY}*"))
        shutil.rmtree(tmp_path / str(number))


@pytest.mark.parametrize(("code", "stride"), [(errno.ENOSPC, 4), (errno.EROFS, 9)])
def test_a_disk_that_refuses_any_one_write_costs_nothing_that_was_there(
    experiment: Experiment,
    tmp_path: Path,
    uninterrupted: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    stride: int,
) -> None:
    """Each flush of the run fails in turn, as on a full disk. Then there is room again, and the run resumes."""
    results, flush = tmp_path / "parts", os.fsync
    failed = 0
    for fatal in range(1, 1000, stride):
        shutil.rmtree(results, ignore_errors=True)
        calls = 0

        def refuse(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls == fatal:  # noqa: B023  (called within this iteration)
                raise OSError(code, os.strerror(code))
            flush(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            error = error_of(lambda: train(experiment, results, checkpoint_seconds=0.0))
        if not error:
            break
        failed += 1
        assert error.startswith(str(results / LABEL))
        assert os.strerror(code) in error
        assert "\n" not in error
        assert status_of(results / LABEL) in ("new", "unfinished", "finished")
        assert not list((results / LABEL).glob(f"{TEMPORARY}*"))
        if status_of(results / LABEL) != "finished":
            train(experiment, results, checkpoint_seconds=0.0)
        assert_same_result(results / LABEL, uninterrupted)
    assert failed > 3
    assert calls < fatal


@pytest.mark.usefixtures("forked_children")
def test_a_full_file_system_is_one_error_line_and_the_run_resumes_when_there_is_room(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    """A real limit of the system, in a child process: no file may exceed 30 kB, which the checkpoint does."""
    results = tmp_path / "r"
    command = ("train", tiny, "--results", results, "--checkpoint-seconds", "0")
    full = ForkedCommand(tmp_path / "said", *command, largest_file=30_000)
    assert full.code(120) == 1
    said = full.said.read_text()
    assert said.splitlines()[-1].startswith(f"error: {results / 'tiny/seed-0/checkpoint.pt'}: File too large")
    assert "Traceback" not in said
    assert cli("train", tiny, "--results", results).code == 0
    assert read_run(results / LABEL).status == "finished"
