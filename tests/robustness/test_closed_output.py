"""Output that closes, fills up or was never open: a training loses no work, and a command says what failed."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli, CliResult
from helpers import PATIENCE, assert_mistake_named, command_line, wait_until

from resnet_repro.record.run import read_run

LABEL = "tiny/seed-0"
DESCRIPTORS = """
import os, subprocess, sys
from resnet_repro.cli.streams import keep_streams_usable
keep_streams_usable()
print("lost", file=sys.stderr); assert sys.stdin.read() == ""
assert os.open(sys.argv[1], os.O_RDONLY) > 2
subprocess.run([sys.executable, "-c", "import os; print(*map(os.fstat, range(3)))"], check=True)
"""


def _take_the_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored if the tests run under nohup
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_terminal_that_closes_under_the_live_bar_leaves_a_checkpoint(tiny: Path, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command_line("train", tiny, "--results", tmp_path, "--device", "cpu", "--set", "training.steps=100000"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_the_terminal,
    )
    os.close(theirs)
    metrics = tmp_path / LABEL / "metrics.csv"
    try:
        wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") > 2)
        os.close(ours)
        assert process.wait(PATIENCE) == 130
    finally:
        process.kill()
    assert (tmp_path / LABEL / "checkpoint.pt").exists()
    assert read_run(tmp_path / LABEL).status == "interrupted"


def test_a_reader_of_the_progress_that_dies_does_not_end_the_training(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert cli("train", tiny, "--results", tmp_path, "--device", "cpu").code == 0
    assert read_run(tmp_path / LABEL).status == "finished"


def test_streams_that_were_never_open_lose_what_is_written_and_no_file_takes_their_place() -> None:
    program = [sys.executable, "-c", DESCRIPTORS, sys.executable]
    assert subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *program], check=False).returncode == 0


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json")])
def test_a_full_disk_behind_stdout_is_one_line_that_says_so(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    command, *options = arguments
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        refused = cli(command, REPOSITORY / "results/batchnorm", *options)
    assert_mistake_named(refused, 1, "error: stdout: No space left on device")


def test_results_that_a_closed_stdout_loses_are_one_line_that_says_so() -> None:
    command = command_line("list", REPOSITORY / "results/quick")
    listed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True, check=False)
    assert (listed.returncode, listed.stderr) == (1, "error: stdout: Bad file descriptor\n")


def test_a_reader_of_results_that_has_seen_enough_ends_the_command_silently(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli("list", REPOSITORY / "results/quick") == CliResult(1, "", "")
