"""Times several pieces of work in turn, so that other work on the machine slows all of them alike."""

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
    """Work to time. `turn` yields the step to time; opening and closing it around each turn is not timed."""

    turn: Callable[[], AbstractContextManager[Step]]
    turn_seconds: float  # about how long a turn should take


@dataclass
class Timing:
    """What measuring a training step gave."""

    steps: int = 1  # in a turn
    step_seconds: list[float] = field(default_factory=list)  # for each round, the mean over its turn

    @property
    def median(self) -> float:
        return statistics.median(self.step_seconds)


def always(step: Step, turn_seconds: float) -> Contender:
    """A contender whose step is the same in every turn."""
    return Contender(lambda: nullcontext(step), turn_seconds)


def interleaved(
    contenders: Mapping[Name, Contender],
    rounds: int,
    synchronize: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
    begins: Callable[[int], None] = lambda number: None,
) -> dict[Name, Timing]:
    """Time all contenders in turn, in each of `rounds` rounds. Each turn starts with a step that is not timed.

    A first round warms up and is not counted. Its one timed step decides how many steps a turn has, at least one.
    `begins` is called with the number of each round, 0 for the warm-up. Times are in seconds of `clock`.
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
    """A function that waits until a device has done all work given to it."""
    match device.type:
        case "cuda":
            return lambda: torch.cuda.synchronize(device)
        case "mps":
            return torch.mps.synchronize
        case _:
            return lambda: None
