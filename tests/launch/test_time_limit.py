"""`--time-limit` stops runs as Ctrl-C does, and the same command resumes them."""

import sys
import time
from pathlib import Path

import pytest
from conftest import TINY, Cli
from helpers import assert_same_result, train

from resnet_repro.cli.values import parse_duration
from resnet_repro.errors import notice
from resnet_repro.launch import command
from resnet_repro.launch.tasks import find_tasks
from resnet_repro.record.run import read_run
from resnet_repro.runner.options import TrainOptions
from resnet_repro.spec.file import load_spec

LONG = ("training.steps=200", "training.record_every=50", "training.evaluate_every=200")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run without a limit."""
    results = tmp_path_factory.mktemp("uninterrupted")
    (results / "tiny.yaml").write_text(TINY)
    assert train(load_spec(results / "tiny.yaml", LONG), results) == "finished"
    return results / "tiny/seed-0"


@pytest.mark.usefixtures("forked_children")
@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_stopped_by_the_limit_resume_and_give_the_same_bits(
    cli: Cli, tiny: Path, tmp_path: Path, uninterrupted: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [word for override in LONG for word in ("--set", override)]
    arguments = ("train", tiny, "--seeds", f"0-{jobs - 1}", "--device", "cpu", *overrides, "--jobs", jobs)
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["resnet_repro.cli.train"], "parse_duration", lambda text: 0.4 if jobs == 1 else 1.0)
        stopped = cli(*arguments, "--time-limit", "1s", "--results", tmp_path / "r")
    assert stopped.code == 130
    assert "run the same command to resume" in stopped.err
    assert "Traceback" not in stopped.err
    assert {read_run(path.parent).status for path in (tmp_path / "r").rglob("spec.yaml")} == {"interrupted"}

    assert cli(*arguments, "--results", tmp_path / "r").code == 0
    assert_same_result(tmp_path / "r/tiny/seed-0", uninterrupted)


def test_no_run_starts_once_time_is_up(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = TrainOptions(tmp_path / "r", Path("data"), "cpu", deadline=time.monotonic())
    tasks = find_tasks([load_spec(tiny)], options)
    assert command.train(tasks, options, notice) == 130
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
