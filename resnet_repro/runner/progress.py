"""Shows a run on stderr while it trains: a live progress bar on a terminal, else a line for each row of metrics."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from resnet_repro.record.folder import Status
from resnet_repro.record.rows import Row
from resnet_repro.runner.train import Watcher
from resnet_repro.spec import Experiment
from resnet_repro.text_tables import counted
from resnet_repro.training.loop import Trainer

REFRESH_SECONDS = 0.5  # reading the loss makes a GPU wait, so not at every step


def new_watcher() -> Watcher:
    """A live bar if stderr is a terminal, else plain lines."""
    return LiveWatcher() if sys.stderr.isatty() else LineWatcher()


class TrainingProgress(NamedTuple):
    """The step that a run has reached, with its latest training loss, error and speed."""

    step: int
    loss: float  # like the error, a mean over the last mini-batches
    train_error_pct: float
    images_per_second: float  # since this process began to train; evaluation counts as time


class ProgressMeter:
    """Measures the progress of a trainer, at most every REFRESH_SECONDS."""

    def __init__(self, trainer: Trainer) -> None:
        self.from_step, self.began = trainer.step, time.monotonic()
        self.measured = 0.0

    def __call__(self, trainer: Trainer) -> TrainingProgress | None:
        """None if the last measurement is too recent, or no step is done yet."""
        now = time.monotonic()
        if now - self.measured < REFRESH_SECONDS or not trainer.step:
            return None
        self.measured = now
        images = (trainer.step - self.from_step) * trainer.batch_size
        return TrainingProgress(trainer.step, *trainer.recent(), images / max(now - self.began, 1e-9))


class LineWatcher(Watcher):
    """Plain lines, for pipes, logs and CI."""

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        self.label = experiment.label
        self.say(_beginning(trainer))
        yield

    def recorded(self, row: Row) -> None:
        test = "" if row.test_error_pct is None else f", test error {row.test_error_pct:.2f} %"
        if row.train_loss is None or row.train_error_pct is None:
            self.say(f"step {row.step}, before training: clean training error {row.train_error_clean_pct:.2f} %{test}")
            return
        self.say(
            f"step {row.step}, epoch {row.epoch:.2f}, loss {row.train_loss:.4f}, "
            f"training error {row.train_error_pct:.2f} %{test}, {row.images_per_second:.0f} images/s"
        )

    def ended(self, status: Status, trainer: Trainer) -> None:
        self.say(_ending(status, trainer))

    def say(self, text: str) -> None:
        print(f"{self.label}: {text}", file=sys.stderr, flush=True)


class _Display(Progress):
    """A progress bar above a line of numbers; each fits into 80 columns."""

    numbers = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text(f"  {self.numbers}", no_wrap=True, overflow="ellipsis")


class LiveWatcher(Watcher):
    """A live progress bar, for a terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        self.label = experiment.label
        self.test = ""
        self.meter = ProgressMeter(trainer)
        self.display = _Display(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("step {task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            expand=True,
        )
        self.task: TaskID = self.display.add_task(self.label, total=trainer.steps, completed=trainer.step)
        self.console.print(f"{self.label}: {_beginning(trainer)}", markup=False)
        with self.display:
            yield

    def stepped(self, trainer: Trainer) -> None:
        if not (progress := self.meter(trainer)):
            return
        self.display.numbers = (
            f"epoch {progress.step * trainer.batch_size / trainer.train_images:.2f}  loss {progress.loss:.3f}  "
            f"error {progress.train_error_pct:.1f} %{self.test}  {progress.images_per_second:.0f} images/s"
        )
        self.display.update(self.task, completed=progress.step)

    def recorded(self, row: Row) -> None:
        if row.test_error_pct is not None:
            self.test = f"  test {row.test_error_pct:.1f} %"

    def ended(self, status: Status, trainer: Trainer) -> None:
        self.console.print(f"{self.label}: {_ending(status, trainer)}{self.test}", markup=False)


def _beginning(trainer: Trainer) -> str:
    at = f"resumes at step {trainer.step}" if trainer.step else "starts"
    engine = trainer.engine
    where = f"{engine.ranks.count} ranks, each on {engine.device.type}," if engine.ranks.count > 1 else engine.device
    return f"{at}: {counted(trainer.steps, 'step')} of {trainer.batch_size} on {where} in {engine.precision}"


def _ending(status: Status, trainer: Trainer) -> str:
    minutes, seconds = divmod(round(trainer.elapsed_seconds), 60)
    match status:
        case "finished":
            return f"finished {counted(trainer.steps, 'step')} in {minutes} min {seconds} s"
        case "diverged":
            return f"diverged: the loss of step {trainer.diverged_at} is not finite; the curve up to there is kept"
        case _:
            return f"stopped at step {trainer.step} of {trainer.steps}; run the same command to resume"
