"""The training loop: steps, rows, stopping and going on, divergence, and warm-up by error."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import CLEAN_IMAGES, CPU, TEST_IMAGES, TRAIN_IMAGES, assert_same, experiment, held, random_dataset
from torch import Tensor

from resnet_repro.data import Dataset
from resnet_repro.data.batches import EvaluationBatches, Normalization, TrainingBatches
from resnet_repro.record.rows import Row
from resnet_repro.runner.assembly import build_net, build_trainer
from resnet_repro.spec import ModelSpec, Warmup
from resnet_repro.training.distributed import ALONE
from resnet_repro.training.engine import BatchMetrics
from resnet_repro.training.loop import Trainer
from resnet_repro.training.schedule import Schedule
from resnet_repro.training.stepping import Stepper


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return random_dataset()


def untimed(row: Row) -> Row:
    return dataclasses.replace(row, images_per_second=0.0, elapsed_seconds=0.0)


def rows_of(trainer: Trainer) -> list[Row]:
    return [row for row in trainer.run() if row]


def test_training_equals_a_loop_written_out(dataset: Dataset) -> None:
    spec = experiment()
    trainer = build_trainer(spec, dataset, CPU)
    rows = {row.step: row for row in trainer.run() if row}

    normalization = Normalization(dataset.train, CPU)
    batches = TrainingBatches(dataset.train, normalization, 8, 3, "crop_flip", CPU)
    clean = next(iter(EvaluationBatches(dataset.train, normalization, CPU, CLEAN_IMAGES)))
    test = next(iter(EvaluationBatches(dataset.test, normalization, CPU)))
    net = build_net(spec).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True)
    losses, errors, last = [], [], 0
    for step in range(20):
        optimizer.param_groups[0]["lr"] = 0.1 if step < 10 else 0.1 * 0.1 if step < 15 else 0.1 * 0.1**2
        images, labels = batches[step]
        outputs = net.train()(images)
        loss = F.cross_entropy(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        errors.append((outputs.argmax(dim=1) != labels).sum().item())
        if step + 1 not in (6, 8, 12, 16, 18, 20):
            continue
        row = rows.pop(step + 1)
        assert row.epoch == (step + 1) * 8 / TRAIN_IMAGES
        assert row.learning_rate == pytest.approx(0.1 if step < 10 else 0.01 if step < 15 else 0.001)
        assert row.train_loss == pytest.approx(np.mean(losses[last:]), rel=1e-12)
        assert row.train_error_pct == pytest.approx(100 * np.sum(errors[last:]) / (8 * len(errors[last:])), rel=1e-12)
        last = step + 1
        if last not in (8, 16, 20):
            assert (row.train_error_clean_pct, row.test_loss, row.test_error_pct) == (None, None, None)
            continue
        with torch.no_grad():
            on_clean, on_test = net.eval()(clean.images), net(test.images)
        wrong = int((on_clean.argmax(dim=1) != clean.labels).sum()), int((on_test.argmax(dim=1) != test.labels).sum())
        assert row.train_error_clean_pct == 100 * wrong[0] / CLEAN_IMAGES
        assert row.test_error_pct == 100 * wrong[1] / TEST_IMAGES
        assert row.test_loss == pytest.approx(F.cross_entropy(on_test, test.labels).item(), rel=1e-6)
    assert not rows
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in trainer.engine.net.state_dict().items())


@pytest.mark.parametrize("stop", [1, 5, 6, 7, 8, 13, 18, 19, 20])  # rows are at 6, 8, 12, 16, 18 and 20
def test_a_restored_run_goes_on_as_if_never_stopped(dataset: Dataset, stop: int) -> None:
    straight = build_trainer(experiment(), dataset, CPU)
    expected = rows_of(straight)

    first = build_trainer(experiment(), dataset, CPU)
    run = first.run()
    rows = [row for _ in range(stop) if (row := next(run))]
    assert first.step == stop
    engine, state = first.engine.state(), first.state()
    second = build_trainer(experiment(), dataset, CPU)
    second.engine.restore(engine)
    second.restore(state)
    rows += rows_of(second)

    assert_same(held(second), held(straight))
    assert [untimed(row) for row in rows] == [untimed(row) for row in expected]
    assert torch.equal(second.history, straight.history)
    assert all(row.images_per_second > 0 for row in rows)
    assert [row.elapsed_seconds for row in rows] == sorted(row.elapsed_seconds for row in rows)


def test_a_state_holds_no_more_than_the_steps_taken(dataset: Dataset) -> None:
    trainer = build_trainer(experiment(), dataset, CPU)
    run = trainer.run()
    for _ in range(3):
        next(run)
    history = trainer.state()["history"]
    assert torch.equal(history, trainer.history[:, :3])
    assert history.untyped_storage().nbytes() == 2 * 3 * 4  # a view would be saved with the zeros to come


def test_restored_runs_add_up_their_time(dataset: Dataset) -> None:
    trainer = build_trainer(experiment(), dataset, CPU)
    next(trainer.run())
    trainer.restore({**trainer.state(), "elapsed_seconds": 1000.0})
    assert 1000 <= trainer.elapsed_seconds < 1060
    assert all(1000 < row.elapsed_seconds < 1060 for row in rows_of(trainer))


@pytest.mark.parametrize("model", [{"dropout": 0.4}, {"shortcut": "dropout", "shortcut_dropout": 0.5}])
def test_dropout_follows_the_seed_and_the_step_alone(dataset: Dataset, model: dict[str, Any]) -> None:
    def trained(seed: int, stop: int) -> Trainer:
        spec = experiment().model_copy(update={"seed": seed, "model": ModelSpec(depth=8, width=2, **model)})
        first, second = build_trainer(spec, dataset, CPU), build_trainer(spec, dataset, CPU)
        run = first.run()
        for _ in range(stop):
            next(run)
        second.engine.restore(first.engine.state())
        second.restore(first.state())
        torch.manual_seed(stop)  # which is not drawn from
        rows_of(second)
        return second

    whole, resumed, other = trained(3, 0), trained(3, 9), trained(4, 0)
    assert_same(held(whole), held(resumed))
    assert torch.equal(whole.history, resumed.history)
    assert not torch.equal(whole.history, other.history)
    undropped = build_trainer(experiment(), dataset, CPU)
    rows_of(undropped)
    assert not torch.equal(whole.history, undropped.history)


def test_evaluating_more_often_changes_neither_weights_nor_losses(dataset: Dataset) -> None:
    often = build_trainer(experiment(evaluate_every=1), dataset, CPU)
    seldom = build_trainer(experiment(evaluate_every=20, record_every=20), dataset, CPU)
    assert len(rows_of(often)) == 20
    assert len(rows_of(seldom)) == 1
    assert_same(held(often), held(seldom))
    assert torch.equal(often.history, seldom.history)


def test_a_huge_learning_rate_is_found_to_diverge(dataset: Dataset) -> None:
    trainer = build_trainer(experiment(learning_rate=1e30), dataset, CPU)
    rows = rows_of(trainer)
    assert trainer.finished
    assert trainer.diverged_at is not None
    assert trainer.diverged_at > 1  # the first loss is that of the initial weights
    assert [row.step for row in rows] == [trainer.diverged_at - 1]
    assert np.isfinite(rows[0].train_loss)


class Script:
    """An engine and its batches, of 10, that only play out given losses and errors, and note what they are asked."""

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


CADENCE = st.integers(1, 60)


@given(st.integers(1, 50), CADENCE, CADENCE)
@settings(deadline=None, max_examples=60)
def test_every_step_is_taken_once_and_rows_come_when_due(steps: int, record_every: int, evaluate_every: int) -> None:
    script = Script([float(step) for step in range(steps)], [step % 11 for step in range(steps)])
    yielded = list(script.trainer(record_every, evaluate_every).run())
    assert script.asked == list(range(steps))
    assert len(yielded) == steps
    evaluated = {step for step in range(1, steps + 1) if step % evaluate_every == 0 or step == steps}
    due = sorted(evaluated | set(range(record_every, steps + 1, record_every)))
    assert [row.step for row in yielded if row] == due
    last = 0
    for row in (row for row in yielded if row):
        window = range(last, row.step)
        assert row.train_loss == pytest.approx(sum(window) / len(window))
        assert row.train_error_pct == pytest.approx(100 * sum(step % 11 for step in window) / (10 * len(window)))
        assert row.epoch == row.step * 10 / 40
        evaluation = (row.train_error_clean_pct, row.test_loss, row.test_error_pct)
        assert evaluation == ((75.0, 0.5, 75.0) if row.step in evaluated else (None, None, None))
        last = row.step


@pytest.mark.parametrize("record_every", [1, 7, 100, 250, 1000])
@pytest.mark.parametrize("bad", [0, 1, 6, 7, 98, 99, 100, 101, 149, 199, 200, 249])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_divergence_is_dated_exactly_and_the_last_row_covers_the_finite_steps(
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


def test_the_last_finite_row_is_not_evaluated_even_where_an_evaluation_would_be_due() -> None:
    script = Script([1.0] * 150 + [float("nan")] * 50)
    rows = rows_of(script.trainer(record_every=1000, evaluate_every=150))
    assert [(row.step, row.test_error_pct) for row in rows] == [(150, 75.0)]

    script = Script([1.0] * 20 + [float("nan")] * 180)
    trainer = script.trainer(record_every=30, evaluate_every=10)
    rows = rows_of(trainer)
    assert [(row.step, row.test_error_pct) for row in rows] == [(10, 75.0), (20, 75.0)]
    assert trainer.diverged_at == 21


def test_a_diverged_run_that_is_restored_stays_as_it_is() -> None:
    script = Script([1.0] * 12 + [float("nan")] * 8)
    trainer = script.trainer(record_every=10, evaluate_every=20)
    assert [row.step for row in rows_of(trainer)] == [10, 12]
    restored = Script([1.0] * 20).trainer(record_every=10, evaluate_every=20)
    restored.restore(trainer.state())
    assert rows_of(restored) == []
    assert restored.diverged_at == 13
    assert restored.finished


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
def test_a_warmup_by_error_survives_a_stop(stop: int) -> None:
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


def test_a_spec_with_a_warmup_by_error_warms_up(dataset: Dataset) -> None:
    warmup = Warmup(learning_rate=0.02, until_train_error_pct=99.0)
    trainer = build_trainer(experiment(steps=110, warmup=warmup, milestones=(105,)), dataset, CPU)
    rates = {row.step: row.learning_rate for row in rows_of(trainer)}
    assert trainer.warmup_ended == 100
    assert (rates[96], rates[102], rates[108]) == pytest.approx((0.02, 0.1, 0.01))


@pytest.mark.parametrize(("steps", "mean"), [(1, 0.0), (50, 24.5), (60, 34.5)])
def test_recent_is_the_mean_of_up_to_fifty_steps(steps: int, mean: float) -> None:
    script = Script([float(step) for step in range(100)], [7] * 100)
    trainer = script.trainer(1000, 1000)
    run = trainer.run()
    for _ in range(steps):
        next(run)
    assert trainer.recent() == pytest.approx((mean, 70.0))
