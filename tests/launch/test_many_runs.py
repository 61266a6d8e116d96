"""Runs side by side, each in its own process: the same bits as one after another, and failures stay separate."""

import errno
import json
import multiprocessing
import os
import signal
import socket
import subprocess
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from conftest import Cli
from helpers import assert_same_result, command_line, wait_until
from queues import LONG, InsistentInterrupter, Interrupter, make_queue, options, queued

from resnet_repro.launch import child
from resnet_repro.launch.board import Board
from resnet_repro.launch.queue import Queue
from resnet_repro.launch.tracking import Event, QueuedRun
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.record.run import HOLDER, read_run
from resnet_repro.spec.file import load_spec


def queue_of(board: Board, results: Path, *specs: Path, overrides: tuple[str, ...] = (), slots: int = 2) -> Queue:
    runs = queued(results, [load_spec(spec, overrides) for spec in specs])
    return make_queue(runs, options(results), board, slots)


@pytest.mark.usefixtures("forked_children")
def test_runs_side_by_side_give_the_same_bits_as_alone_and_only_the_broken_ones_fail(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    diverging, held = tmp_path / "diverging.yaml", tmp_path / "held.yaml"
    diverging.write_text("extends: tiny.yaml\nmodel: {normalization: none}\ntraining: {learning_rate: 1.0e+30}\n")
    held.write_text("extends: tiny.yaml\n")
    results = tmp_path / "r"
    log = results / "tiny/seed-0/train.log"
    log.parent.mkdir(parents=True)
    log.write_text("of an earlier run, which --restart discards\n")
    arguments = ("train", tiny, diverging, held, "--device", "cpu", "--restart")
    with RunFolder(results, load_spec(held)).held():
        outcome = cli(*arguments, "--results", results, "--jobs", 2)

    assert outcome.code == 1
    assert "note: 3 runs, 2 side by side (2 on cpu), 1 CPU thread each" in outcome.err
    assert "3 runs: 1 finished, 1 diverged, 1 failed" in outcome.err
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    named = f"error: held/seed-0: {results / 'held/seed-0'}: {holder} is training this run; wait for it or stop it"
    assert outcome.err.splitlines()[-1] == f"{named} ({results / 'held/seed-0/train.log'})"
    assert "Traceback" not in outcome.err
    assert read_run(results / "diverging/seed-0").status == "diverged"
    assert "error: " in (results / "held/seed-0/train.log").read_text()

    lines = [line for line in outcome.err.splitlines() if line.startswith("tiny/seed-0: ")]
    assert log.read_text().splitlines() == lines
    assert lines[0] == "tiny/seed-0: starts: 24 steps of 8 on cpu in fp32"
    assert "step 8, epoch 0.80, loss" in lines[2]
    assert "finished 24 steps" in lines[-1]
    environment = json.loads((results / "tiny/seed-0/environment.json").read_text())
    specs = [path.name for path in (tiny, diverging, held)]  # without the folders of this machine
    assert environment["command"] == ["resnet-repro", "train", *specs, "--device", "cpu"]
    assert environment["threads"] == 1

    cli("train", tiny, "--device", "cpu", "--results", tmp_path / "one-by-one")
    assert_same_result(results / "tiny/seed-0", tmp_path / "one-by-one/tiny/seed-0")
    again = cli("train", tiny, diverging, "--results", results, "--jobs", 2)
    assert again.code == 0
    assert [line.split()[2:4] for line in again.err.splitlines()] == [["has", "finished"], ["has", "diverged"]]


@pytest.mark.usefixtures("forked_children")
def test_a_killed_process_is_reported_and_the_others_finish(tiny: Path, tmp_path: Path) -> None:
    class Killer(Board):
        def received(self, run: QueuedRun, event: Event) -> None:
            if run.label == "victim/seed-0" and isinstance(event, Row):
                os.kill(
                    next(child.process.pid or 0 for child in queue.children if run.label in child.places),
                    signal.SIGKILL,
                )

    victim = tmp_path / "victim.yaml"
    victim.write_text("extends: tiny.yaml\ntraining: {steps: 100000}\n")
    queue = queue_of(Killer(), tmp_path / "r", victim, tiny)
    runs = [*queue.waiting]
    queue.train_all()
    assert [run.status for run in runs] == ["failed", "finished"]
    assert runs[0].error == "its process was killed by SIGKILL; the system does that when memory runs out"


@pytest.mark.usefixtures("forked_children")
def test_a_process_that_dies_before_it_takes_over_its_pipe_is_noticed(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows this process holds both ends of the pipe until then, so the pipe does not end."""
    kept: list[Connection] = []
    pipe = multiprocessing.Pipe

    def keeping() -> tuple[Connection, Connection]:
        ours, theirs = pipe()
        kept.append(Connection(os.dup(theirs.fileno())))
        return ours, theirs

    monkeypatch.setattr(multiprocessing, "Pipe", keeping)
    monkeypatch.setattr(child, "work", print)
    queue = queue_of(Board(), tmp_path / "r", tiny, slots=1)
    runs = [*queue.waiting]
    queue.train_all()
    assert (runs[0].status, runs[0].error) == ("failed", "its process ended with exit code 0 and no message")


def test_interrupted_runs_resume_by_the_same_command_and_give_the_same_bits(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    arguments = ("train", tiny, "--seeds", "0-1", "--device", "cpu", "--jobs", 2, "--results", tmp_path / "r")
    overrides = ("training.steps=40", "training.record_every=20", "training.evaluate_every=40")
    slower = [word for override in overrides for word in ("--set", override)]
    with monkeypatch.context() as patched:
        patched.setattr("resnet_repro.launch.command.new_board", lambda runs: Interrupter())
        stopped = cli(*arguments, *slower)
    assert stopped.code == 130
    assert "run the same command to resume" in stopped.err
    for seed in (0, 1):
        run = read_run(tmp_path / f"r/tiny/seed-{seed}")
        assert run.status == "interrupted"
        assert (run.path / "checkpoint.pt").exists()

    request.getfixturevalue("forked_children")  # only now, so that the signal may come during an import of torch
    resumed = cli(*arguments, *slower)
    assert resumed.code == 0
    assert "tiny/seed-0: resumes at step" in resumed.err
    log = (tmp_path / "r/tiny/seed-0/train.log").read_text()
    assert log.index("stopped at step") < log.index("resumes at step") < log.index("finished 40 steps")
    cli("train", tiny, "--seeds", "0-1", "--device", "cpu", *slower, "--results", tmp_path / "whole")
    for seed in (0, 1):
        assert_same_result(tmp_path / f"r/tiny/seed-{seed}", tmp_path / f"whole/tiny/seed-{seed}")


@pytest.mark.usefixtures("forked_children")
def test_a_second_interrupt_a_second_later_kills_the_process(tiny: Path, tmp_path: Path) -> None:
    board = InsistentInterrupter()
    queue = board.queue = queue_of(board, tmp_path / "r", tiny, tiny, overrides=LONG, slots=1)
    runs = [*queue.waiting]
    queue.train_all()
    assert [run.status for run in runs] == ["interrupted", "waiting"]
    assert (queue.stopping, queue.children) == (True, [])


def test_a_process_that_cannot_start_is_a_failed_run(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    queue = queue_of(Board(), tmp_path / "r", tiny, tiny, slots=1)
    runs = [*queue.waiting]
    monkeypatch.setattr("multiprocessing.Pipe", refuse)
    queue.train_all()
    assert [(run.status, run.error) for run in runs] == [
        ("failed", "its process cannot start: Too many open files")
    ] * 2


def test_runs_whose_queue_was_killed_stop_with_a_checkpoint(tiny: Path, tmp_path: Path) -> None:
    arguments = ("--device", "cpu", "--jobs", "2", "--set", "training.steps=100000")
    command = command_line("train", tiny, "--results", tmp_path / "r", *arguments)
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    folder = tmp_path / "r/tiny/seed-0"
    wait_until(lambda: (folder / "metrics.csv").exists() and (folder / "metrics.csv").read_text().count("\n") > 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: (folder / "summary.json").exists())
    assert read_run(folder).status == "interrupted"
    assert (folder / "checkpoint.pt").exists()
    wait_until(lambda: not (folder / HOLDER).exists())


def test_missing_data_is_one_error_line_before_any_process_starts(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("model: {depth: 8}\n")
    refused = cli("train", spec, "--seeds", "0-9", "--jobs", "auto", "--device", "cpu", "--data-dir", tmp_path / "no",
                  "--results", tmp_path / "r")  # fmt: skip
    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert "no: there is no CIFAR-10 here" in refused.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5", "1001"])
def test_jobs_are_a_number_or_auto(cli: Cli, tiny: Path, jobs: str) -> None:
    outcome = cli("train", tiny, f"--jobs={jobs}")
    assert outcome.code == 2
    assert "should be auto, or a whole number from 1 to 1000" in " ".join(outcome.err.split())
