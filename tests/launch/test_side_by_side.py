"""Runs as threads of one process, as on a GPU: the same bits as alone, a log each, and none takes others down."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from insistent import Insistent
from test_many_runs import assert_same_result

from resnet_repro.data import Dataset
from resnet_repro.launch import worker
from resnet_repro.launch.board import Board
from resnet_repro.launch.growth import Growth
from resnet_repro.launch.queue import Queue
from resnet_repro.launch.request import Request
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import Event, Line, Tracked
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.record.run import read_run
from resnet_repro.runner.train import Session, Watcher, train_run
from resnet_repro.spec import DataSpec, Experiment
from resnet_repro.spec.file import load_spec

LONG = ("training.steps=100000", "training.evaluate_every=100000")
PIECES = ("training.steps=60", "training.record_every=20", "training.evaluate_every=30")
UNAFFORDABLE = 96  # training images of a run that runs out of memory


class Troubled(Session):
    """Where one run needs more memory than there is."""

    def dataset(self, data: DataSpec) -> Dataset:
        if data.train_images == UNAFFORDABLE:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")
        return super().dataset(data)


class Troubles(Request):
    def session(self, device: str | None = None) -> Session:
        plain = super().session(device)
        return Troubled(**{field.name: getattr(plain, field.name) for field in fields(plain) if field.init})


class Losses(Troubles):
    """Where that leaves the GPU unusable."""

    def session(self, device: str | None = None) -> Session:
        worker._is_lost = lambda device: True  # in the process of the runs
        return super().session(device)


def experiments(spec: Path, overrides: Sequence[str] = (), count: int = 3) -> list[Experiment]:
    loaded = load_spec(spec, overrides)
    return [loaded.model_copy(update={"seed": seed}) for seed in range(count)]


def tracked(results: Path, runs: Sequence[Experiment]) -> list[Tracked]:
    return [Tracked(Task(run, "new"), RunFolder(results, run).log) for run in runs]


def make_queue(request: Request, runs: Sequence[Tracked], board: Board, slots: int | None = None) -> Queue:
    return Queue(runs, [Slot("cpu", 1, shared=True)] * (slots or len(runs)), request, board)


def request(results: Path, kind: type[Request] = Request, deadline: float = float("inf")) -> Request:
    return kind(results, Path("data"), "cpu", deadline=deadline)


def train_alone(results: Path, runs: Sequence[Experiment]) -> None:
    session = Session(results, Path("data"), torch.device("cpu"))
    assert {train_run(run, session, Watcher()) for run in runs} == {"finished"}


class Recorder(Board):
    """Keeps the processes that there were, and the lines of each run."""

    queue: Queue

    def __init__(self) -> None:
        self.processes: set[int | None] = set()
        self.lines: dict[str, list[str]] = {}
        self.most = 0  # runs at a time

    def told(self, run: Tracked, event: Event) -> None:
        self.processes |= {child.process.pid for child in self.queue.children}
        self.most = max(self.most, sum(len(child.places) for child in self.queue.children))
        if isinstance(event, Line):
            self.lines.setdefault(run.label, []).append(event.text)


def test_runs_side_by_side_give_the_bits_of_runs_alone_and_have_a_log_each(tiny: Path, tmp_path: Path) -> None:
    dropping = experiments(tiny, ("name=dropping", "model.dropout=0.3", "probes.measure=[layer_response]"), 1)
    runs = tracked(tmp_path / "r", [*experiments(tiny, count=2), *dropping])
    board = Recorder()
    board.queue = make_queue(request(tmp_path / "r"), runs, board)
    board.queue.work_off()
    assert [run.state for run in runs] == ["finished"] * 3
    assert len(board.processes) == 1
    train_alone(tmp_path / "alone", [run.task.experiment for run in runs])
    for run in runs:
        assert_same_result(tmp_path / "r" / run.label, tmp_path / "alone" / run.label)
        lines = run.log.read_text().splitlines()
        assert lines == board.lines[run.label]
        assert "finished 24 steps" in lines[-1]
        assert read_run(tmp_path / "r" / run.label).environment["threads"] == 1


def test_what_is_in_trouble_ends_alone(tiny: Path, tmp_path: Path) -> None:
    troubled = [
        ("name=diverging", "model.normalization=none", "training.learning_rate=1e30"),
        ("name=large", f"data.train_images={UNAFFORDABLE}"),
        ("name=held",),
    ]
    specs = [load_spec(tiny, overrides) for overrides in troubled]
    runs = tracked(tmp_path, [*specs, *experiments(tiny, count=2)])
    queue = make_queue(request(tmp_path, Troubles), runs, Board(), slots=3)
    with RunFolder(tmp_path, specs[2]).held():
        queue.work_off()
    assert [run.state for run in runs] == ["diverged", "failed", "failed", "finished", "finished"]
    assert runs[1].error == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert "Traceback" in runs[1].log.read_text()
    assert "is training this run" in runs[2].error
    assert runs[2].log.read_text() == f"error: {runs[2].error}\n"
    assert "Traceback" not in "".join(run.log.read_text() for run in runs if run is not runs[1])


class Interrupter(Board):
    """Ctrl-C as soon as one run trains."""

    asked = False

    def told(self, run: Tracked, event: Event) -> None:
        if isinstance(event, Line) and not self.asked:
            self.asked = True
            signal.raise_signal(signal.SIGINT)


def test_a_signal_stops_all_with_a_checkpoint_and_they_go_on_as_if_never_stopped(tiny: Path, tmp_path: Path) -> None:
    asked = experiments(tiny, PIECES)
    runs = tracked(tmp_path / "r", asked)
    make_queue(request(tmp_path / "r"), runs, Interrupter(), slots=2).work_off()
    assert [run.state for run in runs] == ["interrupted", "interrupted", "waiting"]
    for run in runs[:2]:
        assert read_run(tmp_path / "r" / run.label).status == "interrupted"
        assert (tmp_path / "r" / run.label / "checkpoint.pt").exists()
    runs = tracked(tmp_path / "r", asked)
    make_queue(request(tmp_path / "r"), runs, Board()).work_off()
    assert [run.state for run in runs] == ["finished"] * 3
    train_alone(tmp_path / "alone", asked)
    for run in runs:
        assert_same_result(tmp_path / "r" / run.label, tmp_path / "alone" / run.label)


def test_the_deadline_stops_all_resumably(tiny: Path, tmp_path: Path) -> None:
    runs = tracked(tmp_path, experiments(tiny, LONG))
    make_queue(request(tmp_path, deadline=time.monotonic() + 6), runs, Board(), slots=2).work_off()
    assert [run.state for run in runs] == ["interrupted", "interrupted", "waiting"]
    assert (tmp_path / runs[0].label / "checkpoint.pt").exists()


def test_a_second_interrupt_a_second_later_kills_what_does_not_stop(tiny: Path, tmp_path: Path) -> None:
    board = Insistent()
    runs = tracked(tmp_path, experiments(tiny, LONG))
    queue = board.queue = make_queue(request(tmp_path), runs, board, slots=2)
    queue.work_off()
    assert [run.state for run in runs] == ["interrupted", "interrupted", "waiting"]
    assert (queue.stopping, queue.children) == (True, [])


def test_what_a_lost_process_leaves_waiting_goes_to_a_new_one(tiny: Path, tmp_path: Path) -> None:
    lost = load_spec(tiny, ("name=lost", f"data.train_images={UNAFFORDABLE}"))
    runs = tracked(tmp_path, [*experiments(tiny, LONG, 1), lost, *experiments(tiny, ("name=later",), 1)])
    board = Recorder()
    board.queue = make_queue(request(tmp_path, Losses), runs, board, slots=2)
    board.queue.work_off()
    assert [run.state for run in runs] == ["failed", "failed", "finished"]
    assert runs[0].error == "another run left the GPU unusable to its process; the same command goes on"
    assert runs[1].error.startswith("OutOfMemoryError")


def test_a_signal_to_the_process_alone_interrupts_its_runs_and_the_others_go_on(tiny: Path, tmp_path: Path) -> None:
    class Terminator(Recorder):
        def told(self, run: Tracked, event: Event) -> None:
            super().told(run, event)
            if isinstance(event, Row) and run is runs[0] and len(self.processes) == 1:
                os.kill(self.queue.children[0].process.pid or 0, signal.SIGTERM)

    runs = tracked(tmp_path, [*experiments(tiny, LONG, 1), *experiments(tiny, ("name=later",), 1)])
    board = Terminator()
    board.queue = make_queue(request(tmp_path), runs, board, slots=1)
    board.queue.work_off()
    assert [run.state for run in runs] == ["interrupted", "finished"]
    assert len(board.processes) == 2


def test_no_more_runs_train_than_growth_allows_and_what_it_finds_is_said(tiny: Path, tmp_path: Path) -> None:
    class Doubling(Growth):
        def trained(self, run: str, images: float, seconds: float) -> str:
            assert images % 32 == 0
            if self.allowed == 2:
                return ""
            self.allowed = 2
            return "2 runs side by side"

    said: list[str] = []
    runs = tracked(tmp_path, experiments(tiny, count=4))
    board = Recorder()
    growths = {"cpu": Doubling("cpu", 4)}
    slots = [Slot("cpu", 1, shared=True)] * 4
    board.queue = Queue(runs, slots, request(tmp_path), board, growths, said.append)
    board.queue.work_off()
    assert {run.state for run in runs} == {"finished"}
    assert board.most == 2
    assert said == ["2 runs side by side"]
    assert growths["cpu"].running == set()


def test_runs_keep_a_checkpoint_when_their_queue_meets_a_bug(tiny: Path, tmp_path: Path) -> None:
    class Leaving(Board):
        def told(self, run: Tracked, event: Event) -> None:
            if isinstance(event, Row):
                raise ZeroDivisionError

    runs = tracked(tmp_path, experiments(tiny, LONG, 2))
    queue = make_queue(request(tmp_path), runs, Leaving())
    with pytest.raises(ZeroDivisionError):
        queue.work_off()
    assert {read_run(tmp_path / run.label).status for run in runs} == {"interrupted"}
