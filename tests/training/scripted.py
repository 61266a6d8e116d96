"""A trainer whose losses and errors are given."""

from typing import Any

import torch
from small_runs import CPU
from torch import Tensor

from resnet_repro.training.distributed import ALONE
from resnet_repro.training.engine import BatchMetrics
from resnet_repro.training.loop import Trainer
from resnet_repro.training.schedule import Schedule
from resnet_repro.training.stepping import Stepper


class Script:
    """A stand-in for an engine with mini-batches of 10: returns given losses and errors, and records its calls."""

    device = CPU
    ranks = ALONE

    def __init__(self, losses: list[float], errors: list[int] | None = None) -> None:
        self.losses = torch.tensor(losses)
        self.errors = torch.tensor(errors if errors is not None else [5] * len(losses), dtype=torch.float32)
        self.asked: list[int] = []
        self.rates: list[float] = []
        self.evaluations = 0

    def draws(self, first: int, count: int) -> Tensor:
        return torch.arange(first, first + count)[:, None]

    def take(self, draw: Tensor, rate: float | Tensor) -> BatchMetrics:
        (step,) = draw.tolist()
        self.asked.append(step)
        self.rates.append(float(rate))
        return BatchMetrics(self.losses[step], self.errors[step])

    def evaluate(self, images: Tensor, labels: Tensor) -> BatchMetrics:
        self.evaluations += 1
        return BatchMetrics(torch.tensor(0.5), torch.tensor(3))

    def trainer(self, record_every: int, evaluate_every: int, schedule: Schedule | None = None) -> Trainer:
        images = [(torch.zeros(4), torch.zeros(4))]
        steps = len(self.losses)
        rates = schedule or Schedule(0.1)
        engine: Any = self
        stepper = Stepper(self.take, self.draws, steps, CPU)
        return Trainer(engine, stepper, 10, 40, images, images, rates, steps, record_every, evaluate_every)
