"""Runs as threads of one process, as on a GPU: the bits of runs alone, a log each, and failures stay separate."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import assert_same_result, train
from queues import LONG, InsistentInterrupter, Interrupter, Recorder, make_queue, options, queued
from troubles import UNAFFORDABLE, LostGpu, OutOfMemory

from resnet_repro.launch.board import Board
from resnet_repro.launch.growth import Growth
from resnet_repro.launch.tracking import Event, QueuedRun
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.record.run import read_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec

pytestmark = pytest.mark.usefixtures("forked_children")
PIECES = ("training.steps=40", "training.record_every=10", "training.evaluate_every=20")


def experiments(spec: Path, overrides: Sequence[str] = (), count: int = 3) -> list[Experiment]:
    loaded = load_spec(spec, overrides)
    return [loaded.model_copy(update={"seed": seed}) for seed in range(count)]


def train_alone(results: Path, runs: Sequence[Experiment]) -> None:
    assert {train(run, results) for run in runs} == {"finished"}


def test_runs_side_by_side_give_the_bits_of_runs_alone_and_have_a_log_each(tiny: Path, tmp_path: Path) -> None:
    dropping = experiments(
        tiny, ("name=dropping", "model.dropout=0.3", "probes.measure=[layer_response]", "probes.images=16"), 1
    )
    runs = queued(tmp_path / "r", [*experiments(tiny, count=2), *dropping])
    board = Recorder()
    board.queue = make_queue(runs, options(tmp_path / "r"), board, shared=True)
    board.queue.train_all()
    assert [run.status for run in runs] == ["finished"] * 3
    assert len(board.processes) == 1
    train_alone(tmp_path / "alone", [run.task.experiment for run in runs])
    for run in runs:
        assert_same_result(tmp_path / "r" / run.label, tmp_path / "alone" / run.label)
        lines = run.log.read_text().splitlines()
        assert lines == board.lines[run.label]
        assert "finished 24 steps" in lines[-1]
        assert read_run(tmp_path / "r" / run.label).environment["threads"] == 1


def test_a_run_that_fails_or_diverges_does_not_affect_others(tiny: Path, tmp_path: Path) -> None:
    troubled = [
        ("name=diverging", "model.normalization=none", "training.learning_rate=1e30"),
        ("name=large", f"data.train_images={UNAFFORDABLE}"),
        ("name=held",),
    ]
    specs = [load_spec(tiny, overrides) for overrides in troubled]
    runs = queued(tmp_path, [*specs, *experiments(tiny, count=2)])
    queue = make_queue(runs, options(tmp_path, OutOfMemory), Board(), slots=3, shared=True)
    with RunFolder(tmp_path, specs[2]).held():
        queue.train_all()
    assert [run.status for run in runs] == ["diverged", "failed", "failed", "finished", "finished"]
    assert runs[1].error == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert "Traceback" in runs[1].log.read_text()
    assert "is training this run" in runs[2].error
    assert runs[2].log.read_text() == f"error: {runs[2].error}\n"
    assert "Traceback" not in "".join(run.log.read_text() for run in runs if run is not runs[1])


def test_a_signal_stops_all_runs_with_a_checkpoint_and_resumed_they_give_the_same_bits(
    tiny: Path, tmp_path: Path
) -> None:
    wanted = experiments(tiny, PIECES)
    runs = queued(tmp_path / "r", wanted)
    make_queue(runs, options(tmp_path / "r"), Interrupter(), slots=2, shared=True).train_all()
    assert [run.status for run in runs] == ["interrupted", "interrupted", "waiting"]
    for run in runs[:2]:
        assert read_run(tmp_path / "r" / run.label).status == "interrupted"
        assert (tmp_path / "r" / run.label / "checkpoint.pt").exists()
    runs = queued(tmp_path / "r", wanted)
    make_queue(runs, options(tmp_path / "r"), Board(), shared=True).train_all()
    assert [run.status for run in runs] == ["finished"] * 3
    train_alone(tmp_path / "alone", wanted)
    for run in runs:
        assert_same_result(tmp_path / "r" / run.label, tmp_path / "alone" / run.label)


def test_the_deadline_stops_all_runs_resumably(tiny: Path, tmp_path: Path) -> None:
    runs = queued(tmp_path, experiments(tiny, LONG))
    make_queue(runs, options(tmp_path, deadline=time.monotonic() + 2), Board(), slots=2, shared=True).train_all()
    assert [run.status for run in runs] == ["interrupted", "interrupted", "waiting"]
    assert (tmp_path / runs[0].label / "checkpoint.pt").exists()


def test_a_second_interrupt_a_second_later_kills_the_process(tiny: Path, tmp_path: Path) -> None:
    board = InsistentInterrupter()
    runs = queued(tmp_path, experiments(tiny, LONG))
    queue = board.queue = make_queue(runs, options(tmp_path), board, slots=2, shared=True)
    queue.train_all()
    assert [run.status for run in runs] == ["interrupted", "interrupted", "waiting"]
    assert (queue.stopping, queue.children) == (True, [])


def test_after_a_lost_gpu_the_other_runs_go_on_and_the_waiting_ones_train_in_new_processes(
    tiny: Path, tmp_path: Path
) -> None:
    lost = load_spec(tiny, ("name=lost", f"data.train_images={UNAFFORDABLE}"))
    steps = ("training.steps=400", "training.evaluate_every=400")
    runs = queued(tmp_path, [*experiments(tiny, steps, 1), lost, *experiments(tiny, ("name=later",), 1)])
    board, notices = Recorder(), list[str]()
    board.queue = make_queue(runs, options(tmp_path, LostGpu), board, slots=2, shared=True)
    board.queue.notice = notices.append
    board.queue.train_all()
    assert [run.status for run in runs] == ["finished", "failed", "finished"], runs[0].error
    goes_on = (
        "the GPU became unusable after an error of a run; it goes on from its last checkpoint, in a process of its own"
    )
    assert sorted(notices) == [f"lost/seed-0: {goes_on}", f"tiny/seed-0: {goes_on}"]
    assert runs[1].error.startswith("OutOfMemoryError")


def test_a_crash_costs_no_run_and_a_run_that_crashes_again_fails_alone(tiny: Path, tmp_path: Path) -> None:
    """The runs go on from their checkpoints, though the command began with --restart, and give the same bits."""

    class Crasher(Recorder):
        kills = 0

        def received(self, run: QueuedRun, event: Event) -> None:
            super().received(run, event)
            first = isinstance(event, Row) and run is runs[0] and event.step == 30
            if (first and self.kills == 0) or (run is runs[1] and self.kills == 1 and isinstance(event, Row)):
                self.kills += 1
                [child] = [child for child in self.queue.children if run.label in child.places]
                os.kill(child.process.pid or 0, signal.SIGSEGV)

    wanted = [*experiments(tiny, PIECES, 1), *experiments(tiny, ("name=culprit", *LONG, "training.record_every=2"), 1)]
    runs = queued(tmp_path / "r", wanted)
    board, notices = Crasher(), list[str]()
    often = replace(options(tmp_path / "r"), restart=True, checkpoint_seconds=0.0)
    board.queue = make_queue(runs, often, board, shared=True)
    board.queue.notice = notices.append
    board.queue.train_all()
    assert [run.status for run in runs] == ["finished", "failed"]
    assert runs[1].error == "its process was killed by SIGSEGV"
    assert len(board.processes) == 3
    assert sorted(notice.split(":")[0] for notice in notices) == ["culprit/seed-0", "tiny/seed-0"]
    assert sum(" resumes at step " in line for line in board.lines["tiny/seed-0"]) == 1
    train_alone(tmp_path / "alone", wanted[:1])
    assert_same_result(tmp_path / "r/tiny/seed-0", tmp_path / "alone/tiny/seed-0")


def test_a_run_that_is_lost_before_it_begins_is_trained_anew_if_the_command_says_so(tiny: Path, tmp_path: Path) -> None:
    class EarlyCrasher(Recorder):
        has_killed = False

        def refresh(self) -> None:
            if self.queue.children and not self.has_killed:
                self.has_killed = True
                os.kill(self.queue.children[0].process.pid or 0, signal.SIGSEGV)

    [wanted] = experiments(tiny, count=1)
    train(wanted, tmp_path)
    runs = queued(tmp_path, [wanted])
    board = EarlyCrasher()
    board.queue = make_queue(runs, replace(options(tmp_path), restart=True), board, shared=True)
    board.queue.train_all()
    assert (runs[0].status, runs[0].lost_processes) == ("finished", 1)
    assert runs[0].progress is not None  # it is not the earlier run, which had finished


def test_a_process_that_hangs_on_a_gpu_is_killed_a_while_after_the_signal(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Suspender(Recorder):
        has_sent = False

        def received(self, run: QueuedRun, event: Event) -> None:
            if isinstance(event, Row) and not self.has_sent:
                self.has_sent = True
                os.kill(self.queue.children[0].process.pid or 0, signal.SIGSTOP)
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("resnet_repro.launch.child.STUCK_SECONDS", 0.5)
    monkeypatch.setattr("resnet_repro.launch.child.is_cuda", lambda device: True)
    runs = queued(tmp_path, experiments(tiny, LONG, 2))
    board = Suspender()
    queue = board.queue = make_queue(runs, options(tmp_path), board, shared=True)
    queue.train_all()
    assert [run.status for run in runs] == ["interrupted", "interrupted"]
    assert queue.children == []


def test_a_signal_to_one_process_interrupts_its_runs_and_the_waiting_ones_train(tiny: Path, tmp_path: Path) -> None:
    class Terminator(Recorder):
        def received(self, run: QueuedRun, event: Event) -> None:
            super().received(run, event)
            if isinstance(event, Row) and run is runs[0] and len(self.processes) == 1:
                os.kill(self.queue.children[0].process.pid or 0, signal.SIGTERM)

    runs = queued(tmp_path, [*experiments(tiny, LONG, 1), *experiments(tiny, ("name=later",), 1)])
    board = Terminator()
    board.queue = make_queue(runs, options(tmp_path), board, slots=1, shared=True)
    board.queue.train_all()
    assert [run.status for run in runs] == ["interrupted", "finished"]
    assert len(board.processes) == 2


def test_no_more_runs_train_than_growth_allows_and_its_result_is_printed(tiny: Path, tmp_path: Path) -> None:
    class Doubling(Growth):
        def trained(self, run: str, images: float, seconds: float) -> str:
            assert images % 8 == 0
            if self.allowed == 2:
                return ""
            self.allowed = 2
            return "2 runs side by side"

    notices: list[str] = []
    runs = queued(tmp_path, experiments(tiny, count=4))
    board = Recorder()
    growths = {"cpu": Doubling("cpu", 4)}
    board.queue = make_queue(runs, options(tmp_path), board, shared=True)
    board.queue.growths, board.queue.notice = growths, notices.append
    board.queue.train_all()
    assert {run.status for run in runs} == {"finished"}
    assert board.most == 2
    assert notices == ["2 runs side by side"]
    assert growths["cpu"].running == set()


def test_runs_write_a_checkpoint_when_the_queue_has_a_bug(tiny: Path, tmp_path: Path) -> None:
    class Faulty(Board):
        def received(self, run: QueuedRun, event: Event) -> None:
            if isinstance(event, Row):
                raise ZeroDivisionError

    runs = queued(tmp_path, experiments(tiny, LONG, 2))
    queue = make_queue(runs, options(tmp_path), Faulty(), shared=True)
    with pytest.raises(ZeroDivisionError):
        queue.train_all()
    assert {read_run(tmp_path / run.label).status for run in runs} == {"interrupted"}
