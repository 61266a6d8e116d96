"""The learning-rate schedule: a pure function of the step and, for a warm-up by error, of the step that ended it."""

from collections.abc import Sequence
from dataclasses import dataclass

WARMUP_WINDOW = 100  # the training error is checked every so many steps, as a mean over as many mini-batches


@dataclass(frozen=True)
class Schedule:
    """[R] section 4.2: the rate is multiplied by `gamma` at each milestone. ResNet-110 warms up at a smaller rate."""

    learning_rate: float
    milestones: Sequence[int] = ()
    gamma: float = 0.1
    warmup_learning_rate: float | None = None
    warmup_steps: int | None = None
    warmup_until_train_error_pct: float | None = None


def learning_rate(step: int, schedule: Schedule, warmup_ended: int | None = None) -> float:
    """The learning rate of iteration `step`, counted from 0.

    `warmup_ended` is the step at which the training error fell below the warm-up's threshold, or None before that.
    """
    if in_warmup(step, schedule, warmup_ended):
        assert schedule.warmup_learning_rate is not None
        return schedule.warmup_learning_rate
    passed = sum(step >= milestone for milestone in schedule.milestones)
    return schedule.learning_rate * schedule.gamma**passed


def in_warmup(step: int, schedule: Schedule, warmup_ended: int | None) -> bool:
    """Whether iteration `step` has the warm-up's learning rate."""
    if schedule.warmup_steps is not None:
        return step < schedule.warmup_steps
    if schedule.warmup_until_train_error_pct is not None:
        return warmup_ended is None or step < warmup_ended
    return False
