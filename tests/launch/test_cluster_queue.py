"""The queue of a cluster with a stand-in for Ray: how each run ends, by its events and by the end of its task."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from queues import options as queue_options
from queues import queued

from resnet_repro.launch import cluster_queue
from resnet_repro.launch.board import Board
from resnet_repro.launch.cluster_queue import ClusterQueue
from resnet_repro.launch.nodes import Share
from resnet_repro.launch.tracking import (
    Ended,
    Event,
    Failed,
    LogLine,
    Memory,
    Plain,
    QueuedRun,
    Started,
    from_plain,
    to_plain,
)
from resnet_repro.record.rows import Row
from resnet_repro.runner.progress import TrainingProgress
from resnet_repro.spec.file import load_spec


class RayError(Exception): ...


class WorkerCrashedError(RayError): ...


class NodeDiedError(RayError): ...


class OutOfMemoryError(RayError): ...


class RayTaskError(RayError): ...


STARTED = Started("ab/cpu")
NEVER = object()  # the end of a task that lasts until it is cancelled


class FakeRay:
    """Each task sends the next list of events of its run's script, and ends with the last part of it."""

    exceptions = SimpleNamespace(
        RayError=RayError,
        WorkerCrashedError=WorkerCrashedError,
        NodeDiedError=NodeDiedError,
        OutOfMemoryError=OutOfMemoryError,
        RayTaskError=RayTaskError,
    )

    def __init__(self, scripts: dict[str, list[list[Any]]]) -> None:
        self.scripts = scripts
        self.events: list[tuple[str, Plain]] = []
        self.ends: dict[str, Any] = {}
        self.order: list[str] = []
        self.is_closed = False

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "ab")

    def put(self, what: Any) -> Any:
        return what

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "ab", "NodeManagerHostname": "node-1", "Alive": True, "Resources": {}}]

    def remote(self, *arguments: Any, **resources: Any) -> Any:
        if arguments:  # the mailbox
            mailbox = SimpleNamespace(
                take=SimpleNamespace(remote=self._take), close=SimpleNamespace(remote=self._close)
            )
            return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda: mailbox))
        return lambda function: SimpleNamespace(options=lambda name: SimpleNamespace(remote=self._submit))

    def _submit(self, label: str, *arguments: Any) -> str:
        self.order.append(label)
        *events, end = self.scripts[label].pop(0)
        self.events += [(label, to_plain(event)) for event in events]
        task = f"{label} {len(self.order)}"
        self.ends[task] = end
        return task

    def _take(self) -> list[tuple[str, Plain]]:
        taken, self.events = self.events, []
        return taken

    def _close(self) -> None:
        self.is_closed = True

    def wait(self, tasks: list[str], num_returns: int = 1, timeout: float = 0) -> tuple[list[str], list[str]]:
        return [task for task in tasks if self.ends[task] is not NEVER], []

    def get(self, what: Any) -> Any:
        if isinstance(what, list):
            return what
        if isinstance(end := self.ends[what], Exception):
            raise end
        return end

    def cancel(self, task: str, force: bool = False) -> None:
        assert self.is_closed  # else a run that begins now would train on
        self.ends[task] = RayError("cancelled")


Train = Callable[..., list[QueuedRun]]


@pytest.fixture
def train(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train runs of TINY by these scripts, one list of events for each time that a run begins."""

    def trained(*scripts: list[list[Any]], board: Board | None = None, notices: list[str] | None = None) -> Any:
        tiny_spec = load_spec(tiny)
        runs = queued(tmp_path, [tiny_spec.model_copy(update={"seed": seed}) for seed in range(len(scripts))])
        ray = FakeRay({run.label: script for run, script in zip(runs, scripts, strict=True)})
        monkeypatch.setattr(cluster_queue, "import_ray", lambda: ray)
        monkeypatch.setattr(cluster_queue, "pinned", lambda node: None)
        say = [] if notices is None else notices
        queue = ClusterQueue(runs, queue_options(tmp_path), board or Board(), Share("cpu", 1, 1.0), say.append)
        queue.train_all()
        return runs

    return trained


def ends(runs: Sequence[QueuedRun]) -> list[tuple[str, str]]:
    return [(run.status, run.error) for run in runs]


def test_runs_end_as_their_events_say(train: Train) -> None:
    runs = train(
        [[STARTED, Ended("finished"), ""]],
        [[STARTED, Ended("diverged"), ""]],
        [[STARTED, Failed("no memory"), ""]],
        [["has torch 1.0 instead of 2.0"]],
    )
    assert ends(runs) == [
        ("finished", ""),
        ("diverged", ""),
        ("failed", "no memory"),
        ("failed", "has torch 1.0 instead of 2.0"),
    ]
    assert runs[0].device == "node-1/cpu"


def test_a_lost_gpu_and_a_node_that_is_shut_down_are_no_end_and_a_lost_message_is_no_failure(train: Train) -> None:
    notices: list[str] = []
    moved = [[STARTED, Ended("interrupted"), ""], [STARTED, Ended("finished"), ""]]
    runs = train([[STARTED, Failed("GPU", lost=True), STARTED, Ended("finished"), ""]], moved, notices=notices)
    assert ends(runs) == [("finished", ""), ("finished", "")]
    assert notices == [
        f"tiny/seed-{seed}: its process or its node has ended; begins again on node-1/cpu" for seed in range(2)
    ]


def test_a_run_that_is_stopped_on_every_node_is_interrupted(train: Train) -> None:
    assert ends(train([[STARTED, Ended("interrupted"), ""]] * 4)) == [("interrupted", "")]


def test_a_task_that_ends_without_a_word_fails_with_the_reason_in_one_line(train: Train) -> None:
    crashed = WorkerCrashedError("The worker died.\nLook into /tmp/ray")
    broken = RayTaskError("ray::train_here() (pid=1)\n  File x\nModuleNotFoundError: No module named 'resnet_repro'")
    runs = train([[STARTED, crashed]], [[broken]], [[RayError("\nunschedulable\nmore")]], [[""]])
    assert [run.error for run in runs] == [
        "its process died 4 times, the last time so: The worker died.",
        "ModuleNotFoundError: No module named 'resnet_repro'",
        "unschedulable",
        "its process ended without a message",
    ]
    assert {run.status for run in runs} == {"failed"}


class Stopper(Board):
    """Sends SIGINT when the first line of a run arrives."""

    def received(self, run: QueuedRun, event: Event) -> None:
        if isinstance(event, LogLine):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_cancels_all_tasks_once_and_tells_runs_that_began_from_those_that_wait(train: Train) -> None:
    runs = train([[STARTED, LogLine("starts"), NEVER]], [[NEVER]], board=Stopper())
    assert ends(runs) == [("interrupted", ""), ("waiting", "")]


def test_a_bug_of_ours_stops_the_runs_too(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = []

    def cancel(ray: FakeRay, task: str) -> None:
        cancelled.append(task)
        ray.ends[task] = ""

    monkeypatch.setattr(FakeRay, "cancel", cancel)

    class Faulty(Board):
        def received(self, run: QueuedRun, event: Event) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train([[STARTED, NEVER]], board=Faulty())
    assert cancelled == ["tiny/seed-0 1"]


@pytest.mark.parametrize(
    "event",
    [
        STARTED,
        LogLine("starts"),
        Memory(1, 2),
        Ended("finished"),
        Failed("GPU", lost=True),
        TrainingProgress(4, 2.3, 90.0, 500.0),
        Row(4, 0.1, 0.1, 2.3, 90.0, None, None, None, 500.0, 1.0),
    ],
)
def test_every_event_arrives_as_it_was_sent(event: Event) -> None:
    assert from_plain(to_plain(event)) == event
