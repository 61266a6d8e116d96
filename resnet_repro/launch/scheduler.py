"""What the queue of one machine and that of a cluster share: which run is next, and which cannot start any more."""

import logging
from collections.abc import Callable, Sequence

from resnet_repro.errors import SpecError
from resnet_repro.launch.board import Board
from resnet_repro.launch.tasks import Costs, Task, costs_of, longest_first, starts_from
from resnet_repro.launch.tracking import QueuedRun
from resnet_repro.record.folder import RunFolder
from resnet_repro.runner.options import TrainOptions

Notice = Callable[[str], None]
log = logging.getLogger(__name__)


def queue_up(
    tasks: Sequence[Task], ahead: Sequence[Task], options: TrainOptions, in_order: bool
) -> tuple[list[QueuedRun], list[QueuedRun]]:
    """The runs `ahead`, and those of all tasks that are skipped. `in_order`: the longest first, if they differ."""
    weights = dict.fromkeys((task.label for task in ahead), 1.0)
    differ = len({(task.experiment.model, task.training_images) for task in ahead}) > 1
    costs: Costs = {}
    if differ and in_order:
        try:
            costs = costs_of(ahead)
        except SpecError as error:  # the work of a net of the user's own is unknown
            log.warning("the runs start in the order of their specs, and not the longest first: %s", error)
    if costs:
        ahead = longest_first(ahead, costs)
        work = {task.label: costs[task.experiment.model] for task in ahead}
        weights = {label: one / max(work.values()) for label, one in work.items()}
    largest: dict[int, float] = {}  # by tier
    for task in ahead:
        largest[task.tier] = max(largest.get(task.tier, 0.0), weights[task.label])
    logs = {task.label: RunFolder(options.results, task.experiment).log for task in tasks}
    runs = [
        QueuedRun(task, logs[task.label], weight=one, is_largest=one == largest[task.tier])
        for task in ahead
        for one in [weights[task.label]]
    ]
    return runs, [QueuedRun(task, logs[task.label], "skipped") for task in tasks if task.is_ended]


class Scheduler:
    """The runs of a command in their order; `waiting` are those that have not been given to a process."""

    def __init__(self, runs: Sequence[QueuedRun], options: TrainOptions, board: Board) -> None:
        self.waiting = list(runs)
        self.by_label = {run.label: run for run in runs}
        self.options = options
        self.board = board
        self.stopping = False

    def _ready_run(self) -> QueuedRun | None:
        """The first waiting run that need not wait for the net of another one."""
        ready = (run for run in self.waiting if not run.task.after or self._source_of(run).status == "finished")
        return next(ready, None)

    def _source_of(self, run: QueuedRun) -> QueuedRun:
        return self.by_label[run.task.after]

    def _give_up_without_sources(self) -> None:
        """End the runs whose source has ended without a net, or is not in the queue, as its data are missing.

        If it was interrupted, they just wait no longer: the same command resumes it.
        """
        while lost := [run for run in self.waiting if run.task.after and self._lost_status(run)]:
            for run in lost:
                self.waiting.remove(run)
                if (status := self._lost_status(run)) != "interrupted":
                    run.status, run.error = "failed", starts_from(run.task.after, status)
                    self.board.ended(run)

    def _lost_status(self, run: QueuedRun) -> str:
        """How the source of a waiting run was lost; "" if it has finished, or may yet."""
        source = self.by_label.get(run.task.after)
        if source is None:
            return "failed"
        if source.status == "waiting":
            return "" if self._may_start(source) else "interrupted"
        return "" if source.status in ("running", "finished") else source.status

    def _may_start(self, run: QueuedRun) -> bool:
        """Whether a run that has not started may do so yet."""
        return run in self.waiting
