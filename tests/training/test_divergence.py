"""Runs whose loss is no longer finite."""

import numpy as np
import pytest
from scripted import Script
from small_runs import CPU, experiment, random_dataset, rows_of

from resnet_repro.runner.assembly import build_trainer


def test_a_huge_learning_rate_diverges() -> None:
    trainer = build_trainer(experiment(learning_rate=1e30), random_dataset(), CPU)
    rows = rows_of(trainer)
    assert trainer.finished
    assert trainer.diverged_at is not None
    assert trainer.diverged_at > 1  # the first loss is that of the initial weights
    assert [row.step for row in rows] == [trainer.diverged_at - 1]
    assert rows[0].train_loss is not None
    assert np.isfinite(rows[0].train_loss)


@pytest.mark.parametrize("record_every", [1, 7, 100, 250, 1000])
@pytest.mark.parametrize("bad", [0, 1, 6, 7, 98, 99, 100, 101, 149, 199, 200, 249])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_run_has_its_exact_step_and_a_last_row_of_the_finite_steps(
    bad: int, value: float, record_every: int
) -> None:
    losses = [float(step) for step in range(250)]
    losses[bad] = value
    script = Script(losses)
    trainer = script.trainer(record_every, evaluate_every=1000)
    rows = rows_of(trainer)
    assert trainer.diverged_at == bad + 1
    assert trainer.step == bad
    assert trainer.finished
    assert script.evaluations == 0
    complete = list(range(record_every, bad + 1, record_every))
    assert [row.step for row in rows] == (complete if bad in (0, *complete) else [*complete, bad])
    starts = [0, *(row.step for row in rows)]
    for start, row in zip(starts, rows, strict=False):
        assert row.train_loss == pytest.approx((start + row.step - 1) / 2)
        assert (row.train_error_clean_pct, row.test_loss, row.test_error_pct) == (None, None, None)


def test_the_last_row_of_a_diverged_run_is_not_evaluated_even_if_due() -> None:
    script = Script([1.0] * 150 + [float("nan")] * 50)
    rows = rows_of(script.trainer(record_every=1000, evaluate_every=150))
    assert [(row.step, row.test_error_pct) for row in rows] == [(150, 75.0)]

    script = Script([1.0] * 20 + [float("nan")] * 180)
    trainer = script.trainer(record_every=30, evaluate_every=10)
    rows = rows_of(trainer)
    assert [(row.step, row.test_error_pct) for row in rows] == [(10, 75.0), (20, 75.0)]
    assert trainer.diverged_at == 21


def test_a_restored_diverged_run_takes_no_step() -> None:
    script = Script([1.0] * 12 + [float("nan")] * 8)
    trainer = script.trainer(record_every=10, evaluate_every=20)
    assert [row.step for row in rows_of(trainer)] == [10, 12]
    restored = Script([1.0] * 20).trainer(record_every=10, evaluate_every=20)
    restored.restore(trainer.state())
    assert rows_of(restored) == []
    assert restored.diverged_at == 13
    assert restored.finished
