"""Runs short enough to be compared step by step, on random images."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_repro.data import Dataset
from resnet_repro.data.dataset import Split
from resnet_repro.record.rows import Row
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec
from resnet_repro.training.loop import Trainer

CPU = torch.device("cpu")
TRAIN_IMAGES, TEST_IMAGES, CLEAN_IMAGES = 50, 21, 17


def experiment(**training: Any) -> Experiment:
    settings: dict[str, Any] = {
        "steps": 20,
        "batch_size": 8,
        "learning_rate": 0.1,
        "record_every": 6,
        "evaluate_every": 8,
        "clean_images": CLEAN_IMAGES,
        "precision": "fp32",
    }
    return Experiment(
        name="tiny",
        seed=3,
        model=ModelSpec(depth=8, width=2),
        data=DataSpec(dataset="synthetic", train_images=TRAIN_IMAGES, test_images=TEST_IMAGES),
        training=TrainingSpec(**{**settings, **training}),
    )


def split_of(images: int, seed: int) -> Split:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, images)
    pixels = random.integers(0, 128, (images, 32, 32, 3)) + 12 * labels[:, None, None, None]  # learnable
    return Split(pixels.astype(np.uint8), labels)


def random_dataset() -> Dataset:
    return Dataset("random", False, "", split_of(TRAIN_IMAGES, seed=0), split_of(TEST_IMAGES, seed=1))


def rows_of(trainer: Trainer) -> list[Row]:
    """Train to the end; returns the rows."""
    return [row for row in trainer.run() if row]


def held(trainer: Trainer) -> dict[str, Tensor]:
    """Everything the engine holds: weights, statistics and momentum."""
    tensors = {name: tensor.clone() for name, tensor in trainer.engine.net.state_dict().items()}
    for number, momentum in enumerate(trainer.engine.optimizer.momentum_buffers.values()):
        tensors[f"momentum {number}"] = momentum.clone()
    return tensors


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
