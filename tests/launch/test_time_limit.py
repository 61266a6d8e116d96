"""`--time-limit`: runs stop by it as by Ctrl-C, and the same command goes on."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome
from test_many_runs import assert_same_result

from resnet_repro.cli.options import parse_duration
from resnet_repro.launch import command
from resnet_repro.launch.request import Request
from resnet_repro.record.run import read_run
from resnet_repro.spec.file import load_spec

Cli = Callable[..., Outcome]
LONG = ("--set", "training.steps=200", "--set", "training.record_every=50", "--set", "training.evaluate_every=200")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_suite_that_ran_out_of_time_goes_on_as_if_never_stopped(
    cli: Cli, tiny: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("train", tiny, "--seeds", f"0-{jobs - 1}", "--device", "cpu", *LONG, "--jobs", jobs)
    moment = 0.4 if jobs == 1 else 2.0  # when processes of their own may still be loading torch
    with monkeypatch.context() as patched:
        patched.setattr("resnet_repro.cli.options.parse_duration", lambda text: moment)
        stopped = cli(*arguments, "--time-limit", "1s", "--results", tmp_path / "r")
    assert stopped.code == 130
    assert "the same command goes on from there" in stopped.err
    assert "Traceback" not in stopped.err
    assert {read_run(path.parent).status for path in (tmp_path / "r").rglob("spec.yaml")} == {"interrupted"}

    assert cli(*arguments, "--results", tmp_path / "r").code == 0
    cli("train", tiny, "--device", "cpu", *LONG, "--results", tmp_path / "whole")
    assert_same_result(tmp_path / "r/tiny/seed-0", tmp_path / "whole/tiny/seed-0")


def test_no_run_starts_once_time_is_up(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(tmp_path / "r", Path("data"), "cpu", deadline=time.monotonic())
    tasks = command.find_tasks([load_spec(tiny)], request)
    assert command.train(tasks, request, print) == 130
    assert capsys.readouterr().err == "note: time is up; 1 of 1 runs wait for the same command\n"
    assert not (tmp_path / "r").exists()


def test_a_dry_run_says_how_many_runs_fit(cli: Cli, tiny: Path) -> None:
    outcome = cli("train", tiny, "--seeds", "0-1", "--device", "cpu", "--dry-run", "--time-limit", "2h")
    assert "within 2.00 hours: about 2 of 2 runs" in outcome.out


@pytest.mark.parametrize(("text", "seconds"), [("8h", 28_800), ("90m", 5_400), ("1h30m", 5_400), ("45s", 45)])
def test_a_duration_has_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "h", "0m", "-1h", "1.5h", "30m1h"])
def test_anything_else_is_wrong_usage(text: str, cli: Cli, tiny: Path) -> None:
    outcome = cli("train", tiny, f"--time-limit={text}")
    assert outcome.code == 2
    assert "should be like 8h, 90m or 1h30m" in outcome.err
