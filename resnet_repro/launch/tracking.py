"""The events that a run sends to the queue while it trains, and what the queue knows of the run from them."""

from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from resnet_repro.launch.tasks import Task
from resnet_repro.record.folder import Status
from resnet_repro.record.rows import Row
from resnet_repro.runner.progress import TrainingProgress

QueueStatus = Literal["waiting", "running", "finished", "diverged", "interrupted", "failed", "skipped"]


class LogLine(NamedTuple):
    """A line that the run has printed."""

    text: str


class Memory(NamedTuple):
    """Memory of the GPU that the run trains on, in bytes."""

    free: int
    held: int  # by all runs of the process


class Started(NamedTuple):
    """A node of a cluster has begun to work on the run, perhaps again."""

    device: str  # after the name of the node: node-1/cpu


class Ended(NamedTuple):
    status: Status


class Failed(NamedTuple):
    error: str  # one line
    lost: bool = False  # the process can no longer use its GPU, and ends


Event = Started | LogLine | TrainingProgress | Row | Memory | Ended | Failed
Plain = tuple[str, tuple[Any, ...]]  # the name of an event and its values, which every process can read
KINDS = {kind.__name__: kind for kind in get_args(Event)}


def to_plain(event: Event) -> Plain:
    """The event as its kind and plain values, which cross to another process."""
    return type(event).__name__, astuple(event) if isinstance(event, Row) else tuple(event)


def from_plain(plain: Plain) -> Event:
    """The event that `to_plain` made plain."""
    name, values = plain
    return KINDS[name](*values)


@dataclass
class QueuedRun:
    """A run of the queue, as its last events describe it."""

    task: Task
    log: Path
    status: QueueStatus = "waiting"
    device: str = ""
    progress: TrainingProgress | None = None
    test_error_pct: float | None = None
    error: str = ""
    lost_processes: int = 0  # how many processes have died with this run
    weight: float = 1.0  # multiply-adds of its net, as a share of those of the queue's largest net
    is_largest: bool = True  # whether no net of its tier has more; it has priority on a GPU, as it takes longest

    @property
    def label(self) -> str:
        return self.task.label

    @property
    def step(self) -> int:
        return self.progress.step if self.progress else self.task.steps_done

    @property
    def seconds_left(self) -> float | None:
        """The time left at the speed so far; None while that is unknown."""
        training = self.task.experiment.training
        if self.status != "running" or not self.progress or not self.progress.images_per_second:
            return None
        return (training.steps - self.step) * training.batch_size / self.progress.images_per_second

    def take(self, event: Event) -> None:
        """Update this run with an event."""
        match event:
            case Started(device):
                self.status, self.device = "running", device
            case TrainingProgress():
                if event.step != self.step:  # else the row of this step is there, as in metrics.csv
                    self.progress = event
            case Row():
                if event.train_loss is not None and event.train_error_pct is not None:
                    self.progress = TrainingProgress(
                        event.step, event.train_loss, event.train_error_pct, event.images_per_second
                    )
                if event.test_error_pct is not None:
                    self.test_error_pct = event.test_error_pct
            case Ended(status):
                self.status = status
            case Failed(error, _):
                self.status, self.error = "failed", error
