"""Warm-up by steps and by error in the training loop."""

import pytest
from scripted import Script
from small_runs import CPU, experiment, random_dataset, rows_of

from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Warmup
from resnet_repro.training.schedule import Schedule


def test_a_warmup_by_steps_reaches_the_engine() -> None:
    script = Script([1.0] * 30)
    schedule = Schedule(0.1, (15, 25), 0.1, 0.03, warmup_steps=7)
    rows = rows_of(script.trainer(1, 30, schedule))
    assert script.rates == pytest.approx([0.03] * 7 + [0.1] * 8 + [0.01] * 10 + [0.001] * 5)
    assert [row.learning_rate for row in rows] == script.rates


# Errors of 10 images in windows of 100 steps: the third is the first below 80 %.
ABOVE, EXACTLY, BELOW = [9] * 100, [8] * 100, [8] * 99 + [7]


@pytest.mark.parametrize("record_every", [30, 100, 1000])
@pytest.mark.parametrize(
    ("windows", "end"),
    [
        ([BELOW, ABOVE, ABOVE], 100),
        ([ABOVE, EXACTLY, BELOW], 300),
        ([ABOVE, [9] * 50 + [0] * 50, ABOVE], 200),
        ([ABOVE, [9] * 50 + [7] * 50, [7] * 50 + [9] * 50], None),  # below 80 % only over 150 to 250
        ([EXACTLY, EXACTLY, EXACTLY], None),
    ],
)
def test_a_warmup_by_error_ends_with_the_first_window_below_its_threshold(
    windows: list[list[int]], end: int | None, record_every: int
) -> None:
    errors = [error for window in windows for error in window] + [9] * 50
    script = Script([1.0] * 350, errors)
    schedule = Schedule(0.1, (340,), 0.1, 0.01, warmup_until_train_error_pct=80)
    trainer = script.trainer(record_every, 1000, schedule)
    rows = rows_of(trainer)
    assert trainer.warmup_ended == end
    warm = 350 if end is None else end
    after = [0.1] * (340 - warm) + [0.01] * 10 if end else []
    assert script.rates == pytest.approx([0.01] * warm + after)
    assert [row.learning_rate for row in rows] == [script.rates[row.step - 1] for row in rows]


@pytest.mark.parametrize("stop", [99, 100, 101, 199, 200, 201, 250])
def test_a_warmup_by_error_continues_after_a_restore(stop: int) -> None:
    errors = [9] * 100 + [9] * 50 + [1] * 50 + [9] * 100
    schedule = Schedule(0.1, (), 0.1, 0.01, warmup_until_train_error_pct=80)
    first = Script([1.0] * 300, errors)
    trainer = first.trainer(1000, 1000, schedule)
    run = trainer.run()
    for _ in range(stop):
        next(run)
    second = Script([1.0] * 300, errors)
    restored = second.trainer(1000, 1000, schedule)
    restored.restore(trainer.state())
    rows_of(restored)
    assert first.rates + second.rates == pytest.approx([0.01] * 200 + [0.1] * 100)
    assert restored.warmup_ended == 200


def test_a_specs_warmup_by_error_reaches_the_trainer() -> None:
    warmup = Warmup(learning_rate=0.02, until_train_error_pct=99.0)
    trainer = build_trainer(experiment(steps=110, warmup=warmup, milestones=(105,)), random_dataset(), CPU)
    rates = {row.step: row.learning_rate for row in rows_of(trainer)}
    assert trainer.warmup_ended == 100
    assert (rates[96], rates[102], rates[108]) == pytest.approx((0.02, 0.1, 0.01))
