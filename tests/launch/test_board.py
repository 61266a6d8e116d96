"""What is shown of a queue: a table that stays small, or plain lines."""

from pathlib import Path

import pytest
from rich.console import Console

from resnet_repro.launch.board import LineBoard, LiveBoard, draw
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import Ended, Failed, Line, Tracked
from resnet_repro.record.rows import Row
from resnet_repro.runner.progress import Sample
from resnet_repro.spec import Experiment, ModelSpec


def tracked(seed: int, state: str = "waiting") -> Tracked:
    experiment = Experiment(name="plain20", seed=seed, model=ModelSpec(depth=20))
    return Tracked(Task(experiment, "new"), Path("train.log"), state)  # type: ignore[arg-type]  # a str, from parameters


def running(seed: int) -> Tracked:
    run = tracked(seed, "running")
    run.device = "cuda:0"
    run.take(Row(1000, 2.56, 0.1, 1.5, 55.0, 50.0, 1.6, 58.25, 900.0, 100.0))
    run.take(Sample(2000, 1.25, 45.5, 1280.0))
    return run


def shown(runs: list[Tracked], last_ended: list[Tracked], width: int = 110) -> str:
    console = Console(record=True, width=width, file=open("/dev/null", "w"))  # noqa: SIM115  # as long as the test
    console.print(draw(runs, last_ended))
    console.file.close()
    return console.export_text()


def test_a_running_run_shows_its_numbers_and_what_is_left() -> None:
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


def test_two_hundred_runs_are_a_few_lines_and_their_counts() -> None:
    ended = [tracked(seed, "finished") for seed in range(90)] + [tracked(90, "diverged")]
    runs = [*ended, *map(running, range(91, 95)), *(tracked(seed) for seed in range(95, 199)), tracked(199, "skipped")]
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


def test_the_live_table_is_drawn_again_when_runs_end(tmp_path: Path) -> None:
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
    assert "1 runs: 1 failed" in screen


def test_without_a_terminal_the_lines_of_every_run_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run = running(0)
    with LineBoard([run]) as _:
        pass
    board = LineBoard([run])
    board.told(run, Line("plain20/seed-0: step 8"))
    board.told(run, Sample(9, 1.0, 50.0, 10.0))
    run.take(Failed("no space left"))
    board.ended(run)
    err = capsys.readouterr().err
    assert err == "1 runs: 1 running\nplain20/seed-0: step 8\nplain20/seed-0: failed: no space left\n"


def test_what_is_known_of_a_run_follows_its_events() -> None:
    run = tracked(0, "running")
    assert run.seconds_left is None
    run.take(Row(10, 0.1, 0.1, 2.0, 80.0, 79.0, 2.0, 81.0, 100.0, 1.0))
    run.take(Row(20, 0.2, 0.1, 1.9, 70.0, None, None, None, 100.0, 2.0))
    assert (run.step, run.test_error_pct) == (20, 81.0)
    run.take(Ended("diverged"))
    assert (run.state, run.seconds_left) == ("diverged", None)
