"""The queue of a cluster: gives Ray every run that can start, and receives the events of those that train."""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from resnet_repro.errors import ReproError
from resnet_repro.launch.board import Board
from resnet_repro.launch.cluster import import_ray
from resnet_repro.launch.node import Mailbox, train_here, versions
from resnet_repro.launch.node_checks import cause, pinned
from resnet_repro.launch.nodes import Share, live_nodes
from resnet_repro.launch.scheduler import Notice, Scheduler
from resnet_repro.launch.tracking import Ended, Event, Failed, QueuedRun, Started, from_plain
from resnet_repro.record.folder import FolderStatus, RunFolder
from resnet_repro.record.run import HOLDER
from resnet_repro.runner.environment import repeatable
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.progress import REFRESH_SECONDS
from resnet_repro.runner.signals import stop_signals

RETRIES = 3  # of a run whose process or node dies
ENDED = ("finished", "diverged", "interrupted", "failed")


class ClusterQueue(Scheduler):
    """Trains `runs` in their order, each in a process of its own on the node that Ray chooses.

    All runs that can start are given to Ray at once, so that a cluster that grows sees how many there are. A run whose
    process or node dies starts again from its checkpoint.
    """

    def __init__(
        self, runs: Sequence[QueuedRun], options: TrainOptions, board: Board, share: Share, notice: Notice
    ) -> None:
        super().__init__(runs, options, board)
        self.share = share
        self.notice = notice
        self.ray = import_ray()
        self.train = self.ray.remote(
            num_cpus=share.cpus, num_gpus=share.gpus, max_calls=1, max_retries=RETRIES, retry_exceptions=False
        )(train_here)
        self.tasks: dict[Any, QueuedRun] = {}  # by Ray's reference to the task
        here = self.ray.get_runtime_context().get_node_id()
        self.mailbox = self.ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=pinned(here)).remote()
        self.stops: Counter[str] = Counter()
        self.names: dict[str, str] = {}  # of the nodes, by their ids
        self.versions = versions()
        self.theirs = replace(
            options,
            results=options.results.absolute(),
            data_dir=options.data_dir.absolute(),
            device=share.device,
            deadline=math.inf,  # this process stops them
            command=tuple(repeatable(sys.argv[1:] if options.command is None else options.command)),
            cluster=None,
        )

    def train_all(self) -> None:
        """Train until every run has ended, or until a signal or the deadline has stopped all of them resumably.

        A second signal more than 1 s after the first kills the processes. Afterwards each run's `status` says how it
        ended.
        """
        with stop_signals(self.options.deadline) as stopped, self.board:
            try:
                self._give_up_without_sources()
                while self.tasks or (self.waiting and not stopped()):
                    if stopped():
                        self._stop()
                    while not self.stopping and (run := self._ready_run()):
                        self.waiting.remove(run)
                        self._submit(run)
                    self._listen()
                    self.board.refresh()
            except KeyboardInterrupt:  # a second signal
                self._kill()
            finally:  # even after a bug of ours every run writes its checkpoint
                self._stop()
                while self.tasks:
                    self._listen()

    def _may_start(self, run: QueuedRun) -> bool:
        return super()._may_start(run) or run in self.tasks.values()

    def _submit(self, run: QueuedRun) -> None:
        folder = RunFolder(self.theirs.results, run.task.experiment)
        order = self.ray.put((run.task.experiment, self.theirs, folder.path / HOLDER))
        task = self.train.options(name=run.label).remote(
            run.label, self.share.threads, self.versions, [order], self.mailbox
        )
        self.tasks[task] = run

    def _listen(self) -> None:
        tasks = list(self.tasks)
        self.ray.wait(tasks, timeout=REFRESH_SECONDS)
        ended, _ = self.ray.wait(tasks, num_returns=len(tasks), timeout=0)
        for label, event in self.ray.get(self.mailbox.take.remote()):  # after the wait: has all that they have sent
            self._take(self.by_label[label], from_plain(event))
        for task in ended:
            run = self.tasks.pop(task)
            if run.status not in ENDED and run not in self.tasks.values():
                self._end(run, task)

    def _take(self, run: QueuedRun, event: Event) -> None:
        if run.status in ENDED or (isinstance(event, Failed) and event.lost):  # if the GPU is lost, Ray tries again
            return
        if isinstance(event, Ended) and event.status == "interrupted" and self._may_move(run):
            self._submit(run)
            return
        if isinstance(event, Started):
            event = Started(self._named(event.device))
            if run.status == "running":
                self.notice(f"{run.label}: its process or its node has ended; begins again on {event.device}")
        run.take(event)
        self.board.received(run, event)
        if isinstance(event, Ended | Failed):
            self._ended(run)

    def _may_move(self, run: QueuedRun) -> bool:
        """Whether a run that was stopped, though this command was not, starts again: its node is being shut down."""
        self.stops[run.label] += 1
        return not self.stopping and self.stops[run.label] <= RETRIES

    def _named(self, place: str) -> str:
        """The place of a run, such as node-1/cpu, from the id of its node."""
        node, _, device = place.partition("/")
        if node not in self.names:
            self.names |= {node.id: node.name for node in live_nodes(self.ray.nodes())}
        return f"{self.names.get(node, node)}/{device}"

    def _end(self, run: QueuedRun, task: Any) -> None:
        """End a run whose task has ended without a last event: its folder says how far it got."""
        reason = self._reason(task)
        status: FolderStatus = "new"
        if run.status == "running" and not self.options.restart:
            with suppress(ReproError):
                status = RunFolder(self.options.results, run.task.experiment).status()
        if status in ("finished", "diverged"):
            run.status = status
        elif self.stopping:
            run.status = "interrupted" if run.status == "running" else "waiting"
        else:
            run.status, run.error = "failed", reason
        if run.status != "waiting":
            self._ended(run)

    def _ended(self, run: QueuedRun) -> None:
        self.board.ended(run)
        self._give_up_without_sources()

    def _reason(self, task: Any) -> str:
        errors = self.ray.exceptions
        try:
            return self.ray.get(task) or "its process ended without a message"
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            return f"its process died {RETRIES + 1} times, the last time so: {first_line(error)}"
        except errors.RayTaskError as error:
            return cause(error)
        except errors.RayError as error:
            return first_line(error)

    def _stop(self) -> None:
        """Have every run stop, once."""
        if self.stopping:
            return
        self.stopping = True
        self.mailbox.close.remote()
        for task in self.tasks:
            self.ray.cancel(task)

    def _kill(self) -> None:
        """Kill the processes of all runs. Those that Ray cannot reach now it kills when this process disconnects."""
        self.stopping = True
        for task in self.tasks:
            self.ray.cancel(task, force=True)
        for run in self.tasks.values():
            if run.status == "running":
                run.status = "interrupted"
                self._ended(run)
        self.tasks.clear()


def first_line(error: Exception) -> str:
    """The first line of an error of Ray; the other lines are about its own log files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
