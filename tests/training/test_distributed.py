"""Two ranks on the CPU give the numbers of one process and one run folder, and all end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import REPOSITORY, Cli
from forked_command import ForkedCommand
from safetensors.torch import load_file
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # which some builds lack

from resnet_repro.record.run import Run, read_run
from resnet_repro.runner.signals import stop_signals
from resnet_repro.training.distributed import end_unless_lost

PATIENCE = 120  # seconds; a machine may be busy

# A smooth activation and a low rate, so that differences in rounding stay small for a few steps.
SMOOTH = """\
model: {depth: 8, width: 2, activation: tanh, option: B}
data: {dataset: synthetic, train_images: 80, test_images: 21}
training: {
  steps: 12, batch_size: 16, learning_rate: 0.01, record_every: 1, evaluate_every: 6, clean_images: 17, precision: fp32,
}
"""
# The sections of a spec for two ranks, and the override that gives the same run in one process.
RUNS = {
    "without-bn": (
        "model: {normalization: none}\nprobes: {measure: [gradient_norm, layer_response], every: 6, images: 32}",
        "",
    ),
    "own-statistics": ("", "model.batch_norm_splits=2"),
    "four-parts": ("model: {batch_norm_splits: 4}", ""),
    "synchronized": ("model: {batch_norm_sync: true}", ""),
    "recomputed": ("model: {batch_norm_sync: true}\ntraining: {recompute: true}", ""),
    "own": ("model: {shortcut: rezero, batch_norm_sync: true}", ""),  # of the file below
    "half": ("model: {batch_norm_sync: true}\ntraining: {precision: fp16}", ""),
}
HALF: dict[str, Any] = {"rtol": 2e-3, "atol": 2e-4}
DIVERGING = "model: {normalization: none, activation: relu}\ntraining: {learning_rate: 1.0e+30}"
REZERO = REPOSITORY / "docs/examples/rezero.py"
ODD = "training: {batch_size: 17}"


@contextmanager
def two_ranks(folder: Path, *arguments: object) -> Iterator[list[ForkedCommand]]:
    """Run `resnet-repro` on two ranks, which write into `folder`, and kill them at the end; they meet as torchrun's."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    folder.mkdir()
    ranks = [
        ForkedCommand(
            folder / str(rank), *arguments, "--device", "cpu",
            variables={"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", **place},
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        yield ranks
    finally:
        for rank in ranks:
            rank.process.kill()
            rank.process.join()


@contextmanager
def torchrun(logs: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run `resnet-repro` on two ranks, which write to `logs`, and terminate them at the end."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
               "--log-dir", logs, "--redirects", "3", "-m", "resnet_repro", *arguments, "--device", "cpu"]  # fmt: skip
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as launcher:
        try:
            yield launcher
        finally:
            launcher.terminate()


def said(folder: Path, rank: int) -> list[str]:
    """The lines that a rank of `two_ranks` wrote."""
    return (folder / str(rank)).read_text().splitlines()


def pid_of(rank: int, launcher: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    return next(
        int(pid) for pid in children if f"\0RANK={rank}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    )


@pytest.fixture(scope="module")
def trained_by_two_ranks(fork_server: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two ranks have trained RUNS, one after another; a last spec made them fail."""
    folder = tmp_path_factory.mktemp("two")
    specs = {**{name: sections for name, (sections, _) in RUNS.items()}, "diverging": DIVERGING, "odd": ODD}
    (folder / "base.yaml").write_text(SMOOTH)
    for name, sections in specs.items():
        (folder / f"{name}.yaml").write_text(f"extends: base.yaml\n{sections}\n")
    paths = [folder / f"{name}.yaml" for name in specs]
    with two_ranks(folder / "said", "train", *paths, "--import", REZERO, "--results", folder / "r") as ranks:
        codes = [rank.code(PATIENCE) for rank in ranks]
    assert codes == [1, 1], [said(folder / "said", rank) for rank in range(2)]
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_two_ranks_give_the_numbers_of_one_process_step_by_step(
    name: str, trained_by_two_ranks: Path, cli: Cli, tmp_path: Path
) -> None:
    overrides = [part for override in RUNS[name][1].split() for part in ("--set", override)]
    arguments = ("--results", tmp_path, "--device", "cpu", "--import", REZERO, *overrides)
    assert cli("train", trained_by_two_ranks / f"{name}.yaml", *arguments).code == 0
    ours, theirs = (read_run(results / name / "seed-0") for results in (trained_by_two_ranks / "r", tmp_path))
    assert [row.step for row in ours.rows] == [*range(1, 13)]
    tolerance: dict[str, Any] = HALF if name == "half" else {"rtol": 2e-6, "atol": 0.0}
    for our_row, their_row in zip(ours.rows, theirs.rows, strict=True):
        torch.testing.assert_close(our_row.train_loss, their_row.train_loss, **tolerance)
        assert our_row.train_error_pct == their_row.train_error_pct
        assert our_row.train_error_clean_pct == their_row.train_error_clean_pct
        assert our_row.test_error_pct == their_row.test_error_pct
        if our_row.test_loss is not None:
            torch.testing.assert_close(our_row.test_loss, their_row.test_loss, **tolerance)
    assert_close_weights(ours, theirs, **(HALF if name == "half" else {"rtol": 1e-4, "atol": 1e-5}))
    assert [probe.value for probe in ours.probes] == pytest.approx([p.value for p in theirs.probes], rel=1e-4)
    assert bool(ours.probes) == (name == "without-bn")


def assert_close_weights(ours: Run, theirs: Run, rtol: float, atol: float) -> None:
    """Compare the final weights, including BN's population statistics."""
    our_weights, their_weights = (load_file(run.path / "weights.safetensors") for run in (ours, theirs))
    torch.testing.assert_close(our_weights, their_weights, rtol=rtol, atol=atol)


def test_only_the_first_rank_writes_files_and_messages(trained_by_two_ranks: Path) -> None:
    lines = said(trained_by_two_ranks / "said", 0)
    assert lines[0].startswith("note: run 1 of ")
    assert lines[1] == "without-bn/seed-0: starts: 12 steps of 16 on 2 ranks, each on cpu, in fp32"
    notice = "note: BN normalises by the statistics of each rank's 8 images, as in the paper; "
    assert [line for line in lines if line.startswith(notice)] == [
        f"{notice}model.batch_norm_sync: true uses all 16 images"
    ]
    assert sum(": finished 12 steps in " in line for line in lines) == len(RUNS)
    assert said(trained_by_two_ranks / "said", 1) == []
    environment = read_run(trained_by_two_ranks / "r/synchronized/seed-0").environment
    assert (environment["ranks"], environment["engine"]) == (2, "eager, 2 ranks")


def test_a_run_that_diverges_on_two_ranks_is_recorded(trained_by_two_ranks: Path) -> None:
    run = read_run(trained_by_two_ranks / "r/diverging/seed-0")
    assert run.status == "diverged"
    assert run.final is not None
    assert run.final.step == run.summary["steps"] - 1 == 1


def rows_of(folder: Path) -> int:
    metrics = folder / "metrics.csv"
    return metrics.read_text().count("\n") if metrics.exists() else 0


def wait_for_more_rows(folder: Path, is_running: Callable[[], bool], output: Callable[[], object]) -> None:
    before, deadline = rows_of(folder), time.monotonic() + PATIENCE
    while rows_of(folder) < before + 3:
        assert time.monotonic() < deadline
        assert is_running(), output()
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the processes of ranks in /proc")
def test_a_signal_to_a_rank_or_the_loss_of_one_stops_all_and_one_process_goes_on(
    cli: Cli, fork_server: ForkServerContext, tmp_path: Path
) -> None:
    """The rank that is lost is one of torchrun's, which then tries to end the others."""
    spec = tmp_path / "long.yaml"
    steps = "training: {steps: 160, evaluate_every: 80, record_every: 8}"
    (tmp_path / "smooth.yaml").write_text(SMOOTH)
    spec.write_text(f"extends: smooth.yaml\nmodel: {{normalization: none}}\n{steps}\n")
    folder = tmp_path / "r/long/seed-0"
    arguments = ("train", spec, "--results", tmp_path / "r")

    with two_ranks(stopping := tmp_path / "stopped", *arguments) as ranks:
        both = [rank.process for rank in ranks]
        wait_for_more_rows(
            folder, lambda: all(rank.is_alive() for rank in both), lambda: [said(stopping, rank) for rank in range(2)]
        )
        ranks[1].send_signal(signal.SIGTERM)
        assert [rank.code(PATIENCE) for rank in ranks] == [130, 130]
    stopped = read_run(folder)
    assert stopped.status == "interrupted"
    steps_done = stopped.summary["steps"]
    went_on = f"long/seed-0: stopped at step {steps_done} of 160; run the same command to resume"
    assert said(tmp_path / "stopped", 0)[-1] == went_on
    assert said(tmp_path / "stopped", 1) == []

    with torchrun(tmp_path / "killed", *arguments) as launcher:
        wait_for_more_rows(folder, lambda: launcher.poll() is None, lambda: launcher.communicate()[0].decode())
        os.kill(pid_of(1, launcher), signal.SIGKILL)
        output, _ = launcher.communicate(timeout=PATIENCE)
    assert launcher.returncode == 1
    assert b"forcefully exiting" not in output  # as torchrun says when it kills a rank that does not leave in 30 s
    (killed,) = (tmp_path / "killed").glob("*/attempt_0/0/stderr.log")
    first, *_, last = lines = killed.read_text().splitlines()
    assert first == f"long/seed-0: resumes at step {steps_done}: 160 steps of 16 on 2 ranks, each on cpu, in fp32"
    assert last == "error: rank 0: another rank has stopped; run the same command to resume from the last checkpoint"
    assert not any("Traceback" in line for line in lines)

    assert cli(*arguments, "--device", "cpu").code == 0
    assert cli("train", spec, "--results", tmp_path / "whole", "--device", "cpu").code == 0
    ours, theirs = read_run(folder), read_run(tmp_path / "whole/long/seed-0")
    assert [row.step for row in ours.rows] == [row.step for row in theirs.rows]
    assert [row.train_loss for row in ours.rows] == pytest.approx([row.train_loss for row in theirs.rows], rel=1e-3)
    assert ours.environment["ranks"] == 2
    resumed_on = [changed["ranks"] for changed in ours.environment["resumed"]]
    assert resumed_on == [1]  # the steps of the killed ranks were lost


def test_torchruns_signal_ends_no_rank_that_is_about_to_say_that_another_one_is_lost() -> None:
    before = signal.signal(signal.SIGTERM, end_unless_lost)
    try:
        with pytest.raises(RuntimeError, match="gloo"):
            leave_under_a_signal()
        assert signal.getsignal(signal.SIGTERM) is end_unless_lost
    finally:
        signal.signal(signal.SIGTERM, before)


def leave_under_a_signal() -> None:
    """Find that a rank is lost, and get torchrun's SIGTERM right after the handler of the training is gone."""
    try:
        with stop_signals():
            raise RuntimeError("[gloo] Connection closed by peer")
    finally:
        signal.raise_signal(signal.SIGTERM)


def test_a_failure_on_the_first_rank_is_one_line_and_ends_all_ranks(trained_by_two_ranks: Path) -> None:
    errors = [line for line in said(trained_by_two_ranks / "said", 0) if line.startswith("error: ")]
    assert (
        errors
        == said(trained_by_two_ranks / "said", 0)[-1:]
        == ["error: training.batch_size: 17 cannot be shared equally by 2 ranks"]
    )
    assert said(trained_by_two_ranks / "said", 1) == []
    assert not (trained_by_two_ranks / "r/odd/seed-0/spec.yaml").exists()
