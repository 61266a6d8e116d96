"""The learning-rate schedule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_repro.training.schedule import WARMUP_WINDOW, Schedule, learning_rate

PAPER = Schedule(0.1, (32_000, 48_000))
RATES = st.floats(1e-6, 10)
STEPS = st.integers(0, 2000)
MILESTONES = st.sets(st.integers(1, 1000), max_size=5).map(lambda steps: tuple(sorted(steps)))
SCHEDULES = st.builds(Schedule, RATES, MILESTONES, st.floats(0.01, 1))


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_the_papers_rate_is_divided_by_ten_at_32k_and_48k_iterations(step: int, rate: float) -> None:
    assert learning_rate(step, PAPER) == pytest.approx(rate, rel=1e-12)


@given(SCHEDULES, STEPS)
@settings(deadline=None, max_examples=100)
def test_the_rate_changes_only_at_milestones(schedule: Schedule, step: int) -> None:
    last = max((milestone for milestone in schedule.milestones if milestone <= step), default=0)
    assert learning_rate(step, schedule) == learning_rate(last, schedule)


@given(SCHEDULES, STEPS, STEPS)
@settings(deadline=None, max_examples=100)
def test_the_rate_never_rises(schedule: Schedule, one: int, other: int) -> None:
    assert learning_rate(max(one, other), schedule) <= learning_rate(min(one, other), schedule)


@given(SCHEDULES)
@settings(deadline=None, max_examples=100)
def test_each_milestone_multiplies_the_rate_by_gamma(schedule: Schedule) -> None:
    assert learning_rate(0, schedule) == schedule.learning_rate
    for milestone in schedule.milestones:
        before = learning_rate(milestone - 1, schedule)
        assert learning_rate(milestone, schedule) == pytest.approx(before * schedule.gamma, rel=1e-12)


@given(SCHEDULES, RATES, st.integers(1, 1500), STEPS)
@settings(deadline=None, max_examples=100)
def test_a_warmup_by_steps_changes_the_rate_of_its_own_steps_only(
    schedule: Schedule, rate: float, end: int, step: int
) -> None:
    warming = Schedule(schedule.learning_rate, schedule.milestones, schedule.gamma, rate, warmup_steps=end)
    assert learning_rate(step, warming) == (rate if step < end else learning_rate(step, schedule))


@given(SCHEDULES, RATES, st.integers(1, 15), STEPS)
@settings(deadline=None, max_examples=100)
def test_a_warmup_by_error_lasts_until_its_end_is_given(
    schedule: Schedule, rate: float, windows: int, step: int
) -> None:
    warming = Schedule(
        schedule.learning_rate, schedule.milestones, schedule.gamma, rate, warmup_until_train_error_pct=80
    )
    end = windows * WARMUP_WINDOW
    assert learning_rate(step, warming, None) == rate
    assert learning_rate(step, warming, end) == (rate if step < end else learning_rate(step, schedule))


def test_resnet_110s_warmup_is_followed_by_the_papers_schedule() -> None:
    schedule = Schedule(0.1, (32_000, 48_000), 0.1, 0.01, warmup_until_train_error_pct=80)
    rates = [learning_rate(step, schedule, 400) for step in (0, 399, 400, 31_999, 32_000, 48_000)]
    assert rates == pytest.approx([0.01, 0.01, 0.1, 0.1, 0.01, 0.001], rel=1e-12)


def test_the_error_is_checked_every_100_steps() -> None:
    assert WARMUP_WINDOW == 100
