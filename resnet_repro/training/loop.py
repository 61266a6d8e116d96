"""The training loop. It yields after every step, with a row if one is due; others print and write."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from resnet_repro.record.last_epoch import RUNNING, last_epoch
from resnet_repro.record.rows import Row
from resnet_repro.training.engine import Engine
from resnet_repro.training.evaluation import evaluate
from resnet_repro.training.schedule import WARMUP_WINDOW, Schedule, in_warmup, learning_rate
from resnet_repro.training.stepping import Stepper
from resnet_repro.training.streams import wait_for_starts

CHECK_EVERY = WARMUP_WINDOW  # steps between two checks of the losses, as each check makes the host wait for a GPU


@dataclass
class Trainer:
    """One run in memory.

    `state()` and the engine's state hold all of its past. So a run can be saved between any two steps, and resumes
    with the same bits.
    """

    engine: Engine
    stepper: Stepper  # of the engine's net
    batch_size: int
    train_images: int  # in an epoch
    clean: Iterable[tuple[Tensor, Tensor]]  # training images without augmentation, for train_error_clean_pct
    test: Iterable[tuple[Tensor, Tensor]]
    schedule: Schedule
    steps: int
    record_every: int
    evaluate_every: int

    step: int = 0  # iterations done
    row_step: int = 0  # iterations done at the last row; -1 if a row is due before the first step
    warmup_ended: int | None = None  # the step at which a warm-up by error ended
    diverged_at: int | None = None  # the iteration, counted from 1, whose loss was not finite

    def __post_init__(self) -> None:
        self._began = time.perf_counter()
        self._restart_clock()

    def run(self) -> Iterator[Row | None]:
        """Train to the end, yielding after every step. The caller may stop at any yield.

        A loss that is not finite ends the run. The last row then covers the finite steps before it, without an
        evaluation.
        """
        self._restart_clock()  # the time before was spent on building, not on training
        while self._row_is_due or not self.finished:
            if not self._row_is_due:
                self._advance()
            yield self._row() if self._row_is_due else None

    @property
    def history(self) -> Tensor:
        """(2, steps) float32 on the device: loss and errors of each mini-batch so far."""
        return self.stepper.history

    @property
    def finished(self) -> bool:
        return self.step == self.steps or self.diverged_at is not None

    @property
    def elapsed_seconds(self) -> float:
        """Seconds spent on the run, including evaluations, without the time between an interruption and the resume."""
        return time.perf_counter() - self._began

    def recent(self) -> tuple[float, float]:
        """Mean loss and error in % over up to 50 last mini-batches, for display."""
        loss, errors = self.history[:, max(self.step - 50, 0) : self.step].mean(dim=1).tolist()
        return loss, 100 * errors / self.batch_size

    def last_epoch(self) -> dict[str, float]:
        """`train_loss` and `train_error_pct` over the mini-batches of the last whole epoch, however often recorded."""
        first, last = last_epoch(self.step, -(-self.train_images // self.batch_size))
        loss, errors = self.history[:, first:last].cpu().double().mean(dim=1).tolist()
        return dict(zip(RUNNING, (loss, 100 * errors / self.batch_size), strict=True))

    def state(self) -> dict[str, Any]:
        """The state of the run without the engine's."""
        return {
            "step": self.step,
            "row_step": self.row_step,
            "warmup_ended": self.warmup_ended,
            "diverged_at": self.diverged_at,
            "elapsed_seconds": self.elapsed_seconds,
            "history": self.history[:, : self.step].cpu().clone(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.step, self.row_step = state["step"], state["row_step"]
        self.warmup_ended, self.diverged_at = state["warmup_ended"], state["diverged_at"]
        self.history[:, : self.step] = state["history"].to(self.history.device)
        self._began = time.perf_counter() - state["elapsed_seconds"]

    def _restart_clock(self) -> None:
        """Measure images_per_second from here. Whatever the caller does between two steps counts, such as writing."""
        self._training_from, self._training_steps = time.perf_counter(), 0

    def _advance(self) -> None:
        rate = learning_rate(self.step, self.schedule, self.warmup_ended)
        self.stepper(self.step, rate)
        self.step += 1
        if self.step % CHECK_EVERY == 0 or self._is_at_row(self.step):
            self._check()
        self._training_steps += 1

    def _check(self) -> None:
        """Read the last losses and errors on the host, and set `diverged_at` or `warmup_ended` if they say so."""
        start = max(self.step - CHECK_EVERY, 0)
        losses, errors = self.history[:, start : self.step].cpu()
        wait_for_starts()
        if not losses.isfinite().all():
            finite = start + int(losses.isfinite().long().argmin())
            self.diverged_at, self.step = finite + 1, finite
            return
        threshold = self.schedule.warmup_until_train_error_pct
        if threshold is None or self.step % WARMUP_WINDOW or not in_warmup(self.step, self.schedule, self.warmup_ended):
            return
        if 100 * float(errors.mean()) / self.batch_size < threshold:
            self.warmup_ended = self.step

    def _is_at_row(self, step: int) -> bool:
        return step == self.steps or step % self.record_every == 0 or step % self.evaluate_every == 0

    @property
    def _row_is_due(self) -> bool:
        return self.step > self.row_step and (self._is_at_row(self.step) or self.diverged_at is not None)

    def _row(self) -> Row:
        losses, errors = self.history[:, max(self.row_step, 0) : self.step].cpu().double()
        training_seconds = time.perf_counter() - self._training_from
        clean_error = test_loss = test_error = None
        evaluated = self.step == self.steps or self.step % self.evaluate_every == 0
        if evaluated and self.diverged_at is None:
            _, clean_error = evaluate(self.engine, self.clean)
            test_loss, test_error = evaluate(self.engine, self.test)
        batch_size = self.batch_size
        row = Row(
            step=self.step,
            epoch=self.step * batch_size / self.train_images,
            learning_rate=learning_rate(max(self.step - 1, 0), self.schedule, self.warmup_ended),
            train_loss=float(losses.mean()) if self.step else None,
            train_error_pct=100 * float(errors.mean()) / batch_size if self.step else None,
            train_error_clean_pct=clean_error,
            test_loss=test_loss,
            test_error_pct=test_error,
            images_per_second=self._training_steps * batch_size / max(training_seconds, 1e-9),
            elapsed_seconds=self.elapsed_seconds,
        )
        self.row_step = self.step
        self._restart_clock()
        return row
