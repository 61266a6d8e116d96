"""Timing by turns: whatever slows the machine for a while slows all that is compared."""

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch

MOST_STEPS = 10_000  # in a turn

Name = TypeVar("Name")
Step = Callable[[], object]


@dataclass(frozen=True)
class Contender:
    """`turn` is opened before each turn and closed after it, neither of them timed, and gives the step to time."""

    turn: Callable[[], AbstractContextManager[Step]]
    turn_seconds: float  # about how long a turn should take


@dataclass
class Timing:
    steps: int = 1  # in a turn
    step_seconds: list[float] = field(default_factory=list)  # by round, the mean over the turn

    @property
    def median(self) -> float:
        return statistics.median(self.step_seconds)


def always(step: Step, turn_seconds: float) -> Contender:
    """A contender that needs no opening."""
    return Contender(lambda: nullcontext(step), turn_seconds)


def interleaved(
    contenders: Mapping[Name, Contender],
    rounds: int,
    synchronize: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
    begins: Callable[[int], None] = lambda number: None,
) -> dict[Name, Timing]:
    """Time all contenders in turn, round after round. Each turn starts with a step that is not timed.

    A first round is not counted: it warms up, and its one timed step tells how many fit into a turn. `begins` is told
    the number of each round, 0 for that one.
    """
    timings = {name: Timing() for name in contenders}
    for number in range(rounds + 1):
        begins(number)
        for name, contender in contenders.items():
            timing = timings[name]
            with contender.turn() as step:
                step()
                synchronize()
                began = clock()
                for _ in range(timing.steps):
                    step()
                synchronize()
                seconds = (clock() - began) / timing.steps
            if number == 0:
                timing.steps = min(max(round(contender.turn_seconds / max(seconds, 1e-9)), 1), MOST_STEPS)
            else:
                timing.step_seconds.append(seconds)
    return timings


def synchronizer(device: torch.device) -> Callable[[], None]:
    """What waits for the work given to a device."""
    match device.type:
        case "cuda":
            return lambda: torch.cuda.synchronize(device)
        case "mps":
            return torch.mps.synchronize
        case _:
            return lambda: None
