"""The training loop: steps, rows, stop and resume."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Script
from small_runs import (
    CLEAN_IMAGES,
    CPU,
    TEST_IMAGES,
    TRAIN_IMAGES,
    assert_same,
    experiment,
    held,
    random_dataset,
    rows_of,
)

from resnet_repro.data import Dataset
from resnet_repro.data.batches import EvaluationBatches, Normalization, TrainingBatches
from resnet_repro.record.rows import Row
from resnet_repro.runner.assembly import build_net, build_trainer
from resnet_repro.spec import ModelSpec
from resnet_repro.training.loop import Trainer


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return random_dataset()


def untimed(row: Row) -> Row:
    return dataclasses.replace(row, images_per_second=0.0, elapsed_seconds=0.0)


def test_training_equals_a_loop_written_out(dataset: Dataset) -> None:
    spec = experiment()
    trainer = build_trainer(spec, dataset, CPU)
    rows = {row.step: row for row in trainer.run() if row}

    normalization = Normalization(dataset.train, CPU)
    batches = TrainingBatches(dataset.train, normalization, 8, 3, "crop_flip", CPU)
    clean = next(iter(EvaluationBatches(dataset.train, normalization, CPU, CLEAN_IMAGES)))
    test = next(iter(EvaluationBatches(dataset.test, normalization, CPU)))
    net = build_net(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
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
def test_a_restored_run_continues_bit_for_bit(dataset: Dataset, stop: int) -> None:
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


def test_a_state_holds_the_history_of_the_steps_taken_only(dataset: Dataset) -> None:
    trainer = build_trainer(experiment(), dataset, CPU)
    run = trainer.run()
    for _ in range(3):
        next(run)
    history = trainer.state()["history"]
    assert torch.equal(history, trainer.history[:, :3])
    assert history.untyped_storage().nbytes() == 2 * 3 * 4  # a view would be saved with all of the history


def test_elapsed_seconds_include_the_time_before_a_restore(dataset: Dataset) -> None:
    trainer = build_trainer(experiment(), dataset, CPU)
    next(trainer.run())
    trainer.restore({**trainer.state(), "elapsed_seconds": 1000.0})
    assert 1000 <= trainer.elapsed_seconds < 1060
    assert all(1000 < row.elapsed_seconds < 1060 for row in rows_of(trainer))


@pytest.mark.parametrize("model", [{"dropout": 0.4}, {"shortcut": "dropout", "shortcut_dropout": 0.5}])
def test_dropout_depends_only_on_the_seed_and_the_step(dataset: Dataset, model: dict[str, Any]) -> None:
    def trained(seed: int, stop: int) -> Trainer:
        spec = experiment().model_copy(update={"seed": seed, "model": ModelSpec(depth=8, width=2, **model)})
        first, second = build_trainer(spec, dataset, CPU), build_trainer(spec, dataset, CPU)
        run = first.run()
        for _ in range(stop):
            next(run)
        second.engine.restore(first.engine.state())
        second.restore(first.state())
        torch.manual_seed(stop)  # torch's global generator, which must not matter
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


def test_images_per_second_counts_the_time_between_steps_but_not_that_of_evaluations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step takes 1 s, what the caller does after it 3 s, each of the two evaluations 50 s; a step has 10 images."""
    now = 0.0

    def taking(seconds: float, action: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            nonlocal now
            now += seconds
            return action(*arguments)

        return timed

    monkeypatch.setattr("resnet_repro.training.loop.time.perf_counter", lambda: now)
    script = Script([1.0] * 6)
    monkeypatch.setattr(script, "take", taking(1, script.take))
    monkeypatch.setattr(script, "evaluate", taking(50, script.evaluate))
    trainer = script.trainer(record_every=2, evaluate_every=4)
    now += 1000  # spent on building
    speeds = []
    for row in trainer.run():
        speeds += [row.images_per_second] if row else []
        now += 3
    assert speeds == [20 / 5, 20 / 8, 20 / 8]


CADENCE = st.integers(1, 60)


@given(st.integers(1, 50), CADENCE, CADENCE)
@settings(deadline=None, max_examples=60)
def test_every_step_is_taken_once_and_rows_are_yielded_when_due(
    steps: int, record_every: int, evaluate_every: int
) -> None:
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


@pytest.mark.parametrize(("steps", "mean"), [(1, 0.0), (50, 24.5), (60, 34.5)])
def test_recent_is_the_mean_of_up_to_fifty_steps(steps: int, mean: float) -> None:
    script = Script([float(step) for step in range(100)], [7] * 100)
    trainer = script.trainer(1000, 1000)
    run = trainer.run()
    for _ in range(steps):
        next(run)
    assert trainer.recent() == pytest.approx((mean, 70.0))
