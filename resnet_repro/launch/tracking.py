"""What is told of a run while it trains, and what is known of it from that."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from resnet_repro.launch.tasks import Task
from resnet_repro.record.folder import Status
from resnet_repro.record.rows import Row
from resnet_repro.runner.progress import Sample

TrackedState = Literal["waiting", "running", "finished", "diverged", "interrupted", "failed", "skipped"]


class Line(NamedTuple):
    """What is printed of a run where there is no terminal."""

    text: str


class Memory(NamedTuple):
    """Of the GPU that the run trains on, in bytes."""

    free: int
    held: int  # by all runs of the process


class Ended(NamedTuple):
    status: Status


class Failed(NamedTuple):
    error: str  # one line
    lost: bool = False  # the GPU is of no use to the process any more, which ends


Event = Line | Sample | Row | Memory | Ended | Failed


@dataclass
class Tracked:
    """A run of the queue, as it was last told of."""

    task: Task
    log: Path
    state: TrackedState = "waiting"
    device: str = ""
    sample: Sample | None = None
    test_error_pct: float | None = None
    error: str = ""
    weight: float = 1.0  # the work of an image, as a share of that for the largest net of the queue

    @property
    def label(self) -> str:
        return self.task.label

    @property
    def step(self) -> int:
        return self.sample.step if self.sample else self.task.steps_done

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None until there is one."""
        training = self.task.experiment.training
        if self.state != "running" or not self.sample or not self.sample.images_per_second:
            return None
        return (training.steps - self.step) * training.batch_size / self.sample.images_per_second

    def take(self, event: Event) -> None:
        match event:
            case Sample():
                self.sample = event
            case Row():
                self.sample = Sample(event.step, event.train_loss, event.train_error_pct, event.images_per_second)
                if event.test_error_pct is not None:
                    self.test_error_pct = event.test_error_pct
            case Ended(status):
                self.state = status
            case Failed(error, _):
                self.state, self.error = "failed", error
