"""`--time-limit` stops runs as Ctrl-C does, and the same command resumes them."""

import time
from pathlib import Path

import pytest
from conftest import Cli
from helpers import assert_same_result

from resnet_repro.cli.options import parse_duration
from resnet_repro.launch import command
from resnet_repro.record.run import read_run
from resnet_repro.runner.options import TrainOptions
from resnet_repro.spec.file import load_spec

LONG = ("--set", "training.steps=200", "--set", "training.record_every=50", "--set", "training.evaluate_every=200")


@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_stopped_by_the_limit_resume_and_give_the_same_bits(
    cli: Cli, tiny: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("train", tiny, "--seeds", f"0-{jobs - 1}", "--device", "cpu", *LONG, "--jobs", jobs)
    seconds = 0.4 if jobs == 1 else 2.0  # child processes may still be importing torch
    with monkeypatch.context() as patched:
        patched.setattr("resnet_repro.cli.options.parse_duration", lambda text: seconds)
        stopped = cli(*arguments, "--time-limit", "1s", "--results", tmp_path / "r")
    assert stopped.code == 130
    assert "run the same command to resume" in stopped.err
    assert "Traceback" not in stopped.err
    assert {read_run(path.parent).status for path in (tmp_path / "r").rglob("spec.yaml")} == {"interrupted"}

    assert cli(*arguments, "--results", tmp_path / "r").code == 0
    cli("train", tiny, "--device", "cpu", *LONG, "--results", tmp_path / "whole")
    assert_same_result(tmp_path / "r/tiny/seed-0", tmp_path / "whole/tiny/seed-0")


def test_no_run_starts_once_time_is_up(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = TrainOptions(tmp_path / "r", Path("data"), "cpu", deadline=time.monotonic())
    tasks = command.find_tasks([load_spec(tiny)], options)
    assert command.train(tasks, options, print) == 130
    assert capsys.readouterr().err == "note: time is up with 1 of 1 run left; run the same command to resume\n"
    assert not (tmp_path / "r").exists()


def test_a_dry_run_says_how_many_runs_fit(cli: Cli, tiny: Path) -> None:
    outcome = cli("train", tiny, "--seeds", "0-1", "--device", "cpu", "--dry-run", "--time-limit", "2h")
    assert "within 2.00 hours: about 2 of 2 runs" in outcome.out


@pytest.mark.parametrize(("text", "seconds"), [("8h", 28_800), ("90m", 5_400), ("1h30m", 5_400), ("45s", 45)])
def test_a_duration_has_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "h", "0m", "-1h", "1.5h", "30m1h"])
def test_other_durations_are_wrong_usage(text: str, cli: Cli, tiny: Path) -> None:
    outcome = cli("train", tiny, f"--time-limit={text}")
    assert outcome.code == 2
    assert "should be like 8h, 90m or 1h30m" in outcome.err
