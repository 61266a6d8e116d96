"""The display of a queue: a live table that stays small, or plain lines."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from resnet_repro.launch.board import LineBoard, LiveBoard, draw
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import Ended, Failed, LogLine, QueuedRun, QueueStatus
from resnet_repro.record.rows import Row
from resnet_repro.runner.progress import TrainingProgress
from resnet_repro.spec import Experiment, ModelSpec


def queued(seed: int, status: QueueStatus = "waiting") -> QueuedRun:
    experiment = Experiment(name="plain20", seed=seed, model=ModelSpec(depth=20))
    return QueuedRun(Task(experiment, "new"), Path("train.log"), status)


def running(seed: int) -> QueuedRun:
    run = queued(seed, "running")
    run.device = "cuda:0"
    run.take(Row(1000, 2.56, 0.1, 1.5, 55.0, 50.0, 1.6, 58.25, 900.0, 100.0))
    run.take(TrainingProgress(2000, 1.25, 45.5, 1280.0))
    return run


def shown(runs: list[QueuedRun], last_ended: list[QueuedRun], width: int = 110) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(draw(runs, last_ended, width))
    return console.export_text()


def test_a_running_run_shows_its_numbers_and_the_time_left() -> None:
    line = next(line for line in shown([running(3)], []).splitlines() if "seed-3" in line)
    # 62,000 steps of 128 at 1,280 images a second are 6,200 seconds.
    assert line.split() == [
        "plain20/seed-3",
        "running",
        "cuda:0",
        "2000/64000",
        "1.250",
        "45.5",
        "58.2",
        "1280",
        "1:43:20",
    ]


def test_a_run_that_has_ended_shows_the_numbers_of_its_last_row() -> None:
    run = running(3)
    last = Row(64_000, 163.0, 0.001, 0.5, 12.25, 11.0, 0.75, 25.5, 950.0, 7000.0)
    for event in (last, TrainingProgress(64_000, 0.25, 9.5, 1280.0), Ended("finished")):
        run.take(event)
    line = next(line for line in shown([], [run]).splitlines() if "seed-3" in line)
    assert line.split()[3:] == ["64000/64000", "0.500", "12.2", "25.5", "950"]


def test_two_hundred_runs_are_a_few_lines_and_their_counts() -> None:
    ended = [queued(seed, "finished") for seed in range(90)] + [queued(90, "diverged")]
    runs = [*ended, *map(running, range(91, 95)), *(queued(seed) for seed in range(95, 199)), queued(199, "skipped")]
    text = shown(runs, ended[-5:])
    assert "200 runs: 104 waiting, 4 running, 90 finished, 1 diverged, 1 skipped" in text
    assert len(text.splitlines()) < 16
    assert "seed-90" in text
    assert "seed-89" in text
    assert "seed-5 " not in text


def test_the_table_fits_into_eighty_columns() -> None:
    text = shown([running(seed) for seed in range(3)], [], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "2000/64000" in text
    assert text.count("1:43:20") == 3


def test_the_live_table_is_redrawn_when_runs_end(tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w") as file:
        run = running(0)
        board = LiveBoard([run], Console(file=file, force_terminal=True, width=110))
        with board:
            board.refresh()
            run.take(Failed("no space left"))
            board.ended(run)
    screen = (tmp_path / "screen").read_text()
    assert "running" in screen
    assert "failed" in screen.split("running")[-1]
    assert "1 run: 1 failed" in screen


def test_without_a_terminal_the_lines_of_every_run_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run = running(0)
    board = LineBoard([run])
    with board:
        board.received(run, LogLine("plain20/seed-0: step 8"))
        board.received(run, TrainingProgress(9, 1.0, 50.0, 10.0))
        run.take(Failed("no space left"))
        board.ended(run)
    err = capsys.readouterr().err
    assert err == "plain20/seed-0: step 8\nplain20/seed-0: failed: no space left\n1 run: 1 failed\n"


def test_events_update_a_run() -> None:
    run = queued(0, "running")
    assert run.seconds_left is None
    run.take(Row(10, 0.1, 0.1, 2.0, 80.0, 79.0, 2.0, 81.0, 100.0, 1.0))
    run.take(Row(20, 0.2, 0.1, 1.9, 70.0, None, None, None, 100.0, 2.0))
    assert (run.step, run.test_error_pct) == (20, 81.0)
    run.take(Ended("diverged"))
    assert (run.status, run.seconds_left) == ("diverged", None)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_a_narrow_terminal_shows_whole_numbers_and_tells_the_runs_apart(width: int) -> None:
    runs = [running(seed) for seed in range(3)]
    for run in runs[1:]:
        named = run.task.experiment.model_copy(update={"name": "identity_mappings/shortcut-only-gate-0"})
        run.task = Task(named, "new")
    lines = shown(runs, [], width).splitlines()
    assert max(map(len, lines)) <= width
    rows = [line.split() for line in lines if "seed-" in line]
    assert [row[0][-6:] for row in rows] == ["seed-0", "seed-1", "seed-2"]
    assert all(row[1] == "running" and "58.2" in row for row in rows)
    assert all(("2000/64000" in row) == (width >= 60) for row in rows)
