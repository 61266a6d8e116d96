"""The learning rate as a pure function of the step and, for warm-up by error, of one recorded event."""

from collections.abc import Sequence
from dataclasses import dataclass

WARMUP_WINDOW = 100  # steps; how often, and over how many mini-batches, the training error is checked


@dataclass(frozen=True)
class Schedule:
    """[R] section 4.2: divide at the milestones; ResNet-110 first trains at a smaller rate for a while."""

    learning_rate: float
    milestones: Sequence[int] = ()
    gamma: float = 0.1
    warmup_learning_rate: float | None = None
    warmup_steps: int | None = None
    warmup_until_train_error_pct: float | None = None


def learning_rate(step: int, schedule: Schedule, warmup_ended: int | None = None) -> float:
    """The rate of iteration `step`, counted from 0.

    `warmup_ended` is the step at which the training error fell below the warm-up's threshold, None before that.
    """
    if in_warmup(step, schedule, warmup_ended):
        assert schedule.warmup_learning_rate is not None
        return schedule.warmup_learning_rate
    passed = sum(step >= milestone for milestone in schedule.milestones)
    return schedule.learning_rate * schedule.gamma**passed


def in_warmup(step: int, schedule: Schedule, warmup_ended: int | None) -> bool:
    """Whether iteration `step` still has the warm-up's learning rate."""
    if schedule.warmup_steps is not None:
        return step < schedule.warmup_steps
    if schedule.warmup_until_train_error_pct is not None:
        return warmup_ended is None or step < warmup_ended
    return False
