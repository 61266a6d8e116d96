"""Training steps that need nothing from the host: what they draw lies on the device, and what they find stays there."""

from collections.abc import Callable

import torch
from torch import Tensor

from resnet_repro.training.engine import BatchMetrics

# Steps whose draws are sent to the device at once. Not the number of steps between two looks at the losses: the device
# has no work left at a look, and would wait for the draws too.
WINDOW = 128

# One step, from what was drawn for it, (R,) int64 on the device, and the learning rate.
Take = Callable[[Tensor, float | Tensor], BatchMetrics]
# What the iterations from a first one on draw, a count of them: (count, R) int64 on the CPU; a pure function.
Draws = Callable[[int, int], Tensor]


class Stepper:
    """Takes the training steps of a run one after another.

    The device counts the steps itself: each finds its own draw in a window of draws, and writes its loss and errors
    to the history. So a step can be recorded once and launched again (`capture`). All that the host still sends is a
    new window now and then, and the learning rate when it changes.
    """

    def __init__(self, take: Take, draws: Draws, steps: int, device: torch.device) -> None:
        self.history = torch.zeros(2, steps, device=device)  # float32, loss and errors of each mini-batch
        self.launch: Callable[[float], object] | None = None  # instead of `take_next`, whose step it was captured from
        self.take, self.draws = take, draws
        rows = _numbered(0, draws(0, 1))
        self._window = rows.repeat(WINDOW, 1).to(device)  # of the first step alone, until a step is asked for
        self._place = torch.zeros(1, dtype=torch.int64, device=device)  # in the window, of the next step
        self._next = self._end = -1  # the step that the window goes on with, and the one at which it ends

    def __call__(self, step: int, learning_rate: float) -> None:
        """Take iteration `step`, counted from 0."""
        if step != self._next or step == self._end:
            self._send_window(step)
        (self.launch or self.take_next)(learning_rate)
        self._next = step + 1

    def take_next(self, learning_rate: float | Tensor) -> None:
        """Take the step that the device has come to."""
        number, draw = self._window.index_select(0, self._place)[0].tensor_split([1])
        outcome = self.take(draw, learning_rate)
        found = torch.stack([outcome.loss, outcome.errors])
        self.history.index_copy_(1, number, found[:, None])
        self._place += 1

    def _send_window(self, first: int) -> None:
        count = len(self._window)
        rows = _numbered(first, self.draws(first, count))
        if self._window.is_cuda:
            rows = rows.pin_memory()  # only then does the host not wait for the copy
        self._window.copy_(rows, non_blocking=True)
        self._place.zero_()
        self._end = first + count


def _numbered(first: int, draws: Tensor) -> Tensor:
    """(count, R) -> (count, 1 + R), each row behind the number of its step"""
    return torch.cat([torch.arange(first, first + len(draws))[:, None], draws], dim=1)
