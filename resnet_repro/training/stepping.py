"""Takes training steps that need nothing from the host: their random draws and their results are on the device."""

from collections.abc import Callable

import torch
from torch import Tensor

from resnet_repro.training.engine import BatchMetrics

# Steps whose draws are sent to the device at once. Not the number of steps between two checks of the losses: at a check
# the device runs out of work, and would wait for the draws too.
WINDOW = 128

# Takes one step, given its draws, (R,) int64 on the device, and the learning rate.
Take = Callable[[Tensor, float | Tensor], BatchMetrics]
# The draws of `count` iterations from iteration `first`, (count, R) int64 on the CPU; a pure function.
Draws = Callable[[int, int], Tensor]


class Stepper:
    """Takes the training steps of a run one after another.

    The device counts the steps: each step finds its draws in a window of draws, and writes its loss and errors to the
    history. So a step can be captured once and replayed (`capture`). The host only sends a new window every `WINDOW`
    steps, and the learning rate when it changes.
    """

    def __init__(self, take: Take, draws: Draws, steps: int, device: torch.device) -> None:
        self.history = torch.zeros(2, steps, device=device)  # float32, loss and errors of each mini-batch
        self.launch: Callable[[float], object] | None = None  # the captured step, used instead of `take_next`
        self.take, self.draws = take, draws
        rows = _numbered(0, draws(0, 1))
        self._window = rows.repeat(WINDOW, 1).to(device)  # of step 0 only, until the first call
        self._place = torch.zeros(1, dtype=torch.int64, device=device)  # of the next step in the window
        self._next = self._end = -1  # the next step in the window, and the first one after the window

    def __call__(self, step: int, learning_rate: float) -> None:
        """Take iteration `step`, counted from 0."""
        if step != self._next or step == self._end:
            self._send_window(step)
        (self.launch or self.take_next)(learning_rate)
        self._next = step + 1

    def take_next(self, learning_rate: float | Tensor) -> None:
        """Take the next step by the device's own count."""
        number, draw = self._window.index_select(0, self._place)[0].tensor_split([1])
        outcome = self.take(draw, learning_rate)
        found = torch.stack([outcome.loss, outcome.errors])
        self.history.index_copy_(1, number, found[:, None])
        self._place += 1

    def _send_window(self, first: int) -> None:
        count = len(self._window)
        rows = _numbered(first, self.draws(first, count))
        if self._window.is_cuda:
            rows = rows.pin_memory()  # so that the host does not wait for the copy
        self._window.copy_(rows, non_blocking=True)
        self._place.zero_()
        self._end = first + count


def _numbered(first: int, draws: Tensor) -> Tensor:
    """(count, R) -> (count, 1 + R): the number of its step in front of each row."""
    return torch.cat([torch.arange(first, first + len(draws))[:, None], draws], dim=1)
