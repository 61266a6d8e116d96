"""NVIDIA's Multi-Process Service is started, tried, handed on and quit, against a program that only pretends."""

import os
import sys
from pathlib import Path

import pytest

from resnet_repro.launch import mps

FAKE = """\
#!/bin/sh
if [ "$1" = "-d" ]; then echo "start $CUDA_MPS_PIPE_DIRECTORY" >>"$FAKE_CALLS"; exit {code}; fi
echo "$(cat) $CUDA_MPS_PIPE_DIRECTORY" >>"$FAKE_CALLS"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of a fake control program, the only program on PATH beside the usual ones."""
    install(tmp_path, code=0)
    path = tmp_path / "calls"
    path.touch()
    monkeypatch.setenv("FAKE_CALLS", str(path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv(mps.PIPES, raising=False)
    monkeypatch.setattr(mps, "USUAL_PIPES", tmp_path / "no-service")
    monkeypatch.setattr(mps, "TRIAL", "import os; assert os.path.isdir(os.environ['CUDA_MPS_PIPE_DIRECTORY'])")
    return path


def install(folder: Path, code: int) -> None:
    program = folder / mps.CONTROL
    program.write_text(FAKE.format(code=code))
    program.chmod(0o755)


def test_the_service_runs_in_private_folders_and_is_quit(calls: Path) -> None:
    notices: list[str] = []
    with mps.multi_process_service("cuda:0", notices.append) as variables:
        assert variables.keys() == {"CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"}
        assert all(Path(folder).is_dir() for folder in variables.values())
        assert mps.PIPES not in os.environ
    pipes = variables["CUDA_MPS_PIPE_DIRECTORY"]
    assert calls.read_text().splitlines() == [f"start {pipes}", f"quit {pipes}"]
    assert not Path(pipes).exists()
    assert notices == []


def test_it_is_quit_when_the_runs_fail(calls: Path) -> None:
    with pytest.raises(KeyboardInterrupt), mps.multi_process_service("cuda:0", print):
        raise KeyboardInterrupt
    assert "quit" in calls.read_text()


def test_no_service_is_started_where_none_is_needed_or_one_runs(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mps.multi_process_service(None, pytest.fail) as variables:
        assert variables == {}
    (tmp_path / "no-service").mkdir()
    with mps.multi_process_service("cuda:0", pytest.fail) as variables:
        assert variables == {}
    (tmp_path / "no-service").rmdir()
    monkeypatch.setenv(mps.PIPES, "elsewhere")
    with mps.multi_process_service("cuda:0", pytest.fail) as variables:
        assert variables == {}
    assert calls.read_text() == ""


@pytest.mark.parametrize("trouble", ["missing", "fails", "refuses"])
def test_where_it_cannot_be_had_one_notice_says_so(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    if trouble == "missing":
        (tmp_path / mps.CONTROL).unlink()
    elif trouble == "fails":
        install(tmp_path, code=1)
    else:
        monkeypatch.setattr(mps, "TRIAL", "import sys; sys.exit(1)")
    notices: list[str] = []
    with mps.multi_process_service("cuda:0", notices.append) as variables:
        assert variables == {}
    assert len(notices) == 1
    assert notices[0].startswith("several runs on one GPU will take turns: ")
    if trouble == "refuses":
        assert calls.read_text().splitlines()[-1].startswith("quit")


def test_the_trial_uses_the_device_named() -> None:
    assert mps._call([sys.executable, "-c", mps.TRIAL, "cpu"], {})
