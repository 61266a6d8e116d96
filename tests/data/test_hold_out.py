"""Held-out training images in place of the test set: [R]'s 45k/5k split."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Cli
from torch import Tensor

from resnet_repro.data import Dataset, hold_out
from resnet_repro.data.batches import Normalization
from resnet_repro.data.dataset import Split
from resnet_repro.data.synthetic import load_synthetic
from resnet_repro.errors import SpecError
from resnet_repro.record.run import read_run
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.runner.datasets import Datasets
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec
from resnet_repro.spec.file import load_spec
from resnet_repro.training import engine


def numbered(train: int, test: int) -> Dataset:
    """Black images whose labels are their indices, from 1,000,000 in the test set."""
    splits = [
        Split(np.broadcast_to(np.uint8(0), (images, 32, 32, 3)), np.arange(first, first + images))
        for images, first in ((train, 0), (test, 1_000_000))
    ]
    return Dataset("CIFAR-10", True, "digests", *splits)


def test_the_last_5000_of_50000_training_images_become_the_test_set() -> None:
    whole = numbered(50_000, 10_000)
    held = hold_out(whole, 5000)
    assert (len(held.train.images), len(held.test.images)) == (45_000, 5000)
    assert np.array_equal(held.train.labels, np.arange(45_000))
    assert np.array_equal(held.test.labels, np.arange(45_000, 50_000))
    assert (held.digest, held.exact) == (whole.digest, whole.exact)


@pytest.mark.parametrize("count", [1, 7, 19])
def test_images_stay_with_their_labels(count: int) -> None:
    whole = load_synthetic(Path(), 20, 5)
    held = hold_out(whole, count)
    assert np.array_equal(np.concatenate([held.train.images, held.test.images]), whole.train.images)
    assert np.array_equal(np.concatenate([held.train.labels, held.test.labels]), whole.train.labels)
    assert len(held.test.images) == len(held.test.labels) == count


def test_the_name_tells_that_images_are_held_out() -> None:
    assert hold_out(numbered(50, 10), 5).name == "CIFAR-10, tested on 5 held-out training images"


def test_holding_out_none_returns_the_data_set_itself() -> None:
    whole = numbered(50, 10)
    assert hold_out(whole, 0) is whole


def test_loading_holds_out_what_the_spec_says() -> None:
    datasets = Datasets(Path())
    data = DataSpec(dataset="synthetic", train_images=40, test_images=10)
    whole = datasets.load(data)
    assert (len(whole.train.images), len(whole.test.images)) == (40, 10)
    held = datasets.load(data.model_copy(update={"validation_images": 8}))
    assert (len(held.train.images), len(held.test.images)) == (32, 8)
    assert np.array_equal(held.test.images, whole.train.images[-8:])
    assert datasets.load(data) is whole  # cached, as it is still referenced
    assert datasets.load(data.model_copy(update={"augmentation": "none"})) is whole


def test_the_mean_and_the_steps_use_only_the_remaining_training_images(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 100, (40, 32, 32, 3), np.uint8)
    pixels[-8:] += 150  # far brighter, and held out
    whole = Dataset("random", False, "", Split(pixels, np.arange(40) % 10), Split(pixels[:5], np.arange(5)))
    experiment = Experiment(
        name="tiny",
        model=ModelSpec(depth=8, width=2),
        data=DataSpec(dataset="synthetic", train_images=40, test_images=5, validation_images=8),
        training=TrainingSpec(steps=20, batch_size=16, precision="fp32"),
    )
    held = hold_out(whole, 8)
    trainer = build_trainer(experiment, held, torch.device("cpu"))
    expected = Normalization(Split(pixels[:32], np.arange(32)), torch.device("cpu"))
    assert torch.equal(trainer.clean.normalization.mean, expected.mean)  # type: ignore[attr-defined]  # of ours
    train_step, brightest = trainer.engine.train_step, []

    def note(images: Tensor, labels: Tensor, rate: float | Tensor) -> engine.BatchMetrics:
        brightest.append(float(images.max()))
        return train_step(images, labels, rate)

    monkeypatch.setattr(trainer.engine, "train_step", note)
    list(trainer.run())
    assert len(brightest) == 20
    assert max(brightest) < 100 * expected.scale
    tested = torch.cat([images for images, _ in trainer.test])
    assert len(tested) == 8
    assert tested.min() > 0
    assert sum(len(labels) for _, labels in trainer.clean) == 32
    assert experiment.steps_of("epoch") == 2
    assert trainer.evaluate_every == 2


HELD = ("--set", "data.validation_images=40", "--set", "training.evaluate_every=epoch")


def test_a_run_counts_epochs_of_the_remaining_images_and_records_the_held_out_test_set(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    assert cli("train", tiny, "--results", tmp_path, "--device", "cpu", *HELD).code == 0
    run = read_run(tmp_path / "tiny/seed-0")
    assert [(row.step, row.epoch) for row in run.rows if row.test_error_pct is not None] == [
        (step, step * 8 / 40) for step in (5, 10, 15, 20, 24)
    ]
    name = "synthetic shapes, tested on 40 held-out training images"
    assert run.environment["data"]["name"] == run.summary["data"]["name"] == name
    errors = {row.test_error_pct for row in run.rows} - {None}
    assert all(float(error * 40 / 100).is_integer() for error in errors if error is not None)
    assert name in cli("list", tmp_path, "--json").out
    table = cli("table", tmp_path).out.replace("\n", " ")
    assert name.replace("shapes", f"shapes ({run.digest[:8]})") in table
    assert "validation error %" in table
    assert "test error" not in table


@pytest.mark.parametrize("count", [80, 81])
def test_holding_out_all_training_images_is_refused(tiny: Path, count: int) -> None:
    with pytest.raises(SpecError, match=f"data.validation_images: {count} leave none of the 80 training images"):
        load_spec(tiny, [f"data.validation_images={count}"])


def test_a_batch_larger_than_the_remaining_images_is_refused(tiny: Path) -> None:
    with pytest.raises(SpecError, match=r"training\.batch_size: 8 is more than the 7 training images"):
        load_spec(tiny, ["data.validation_images=73"])
    assert load_spec(tiny, ["data.validation_images=72"]).data.epoch_images == 8
