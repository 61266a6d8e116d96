"""What is measured: nets of the paper where no spec is named, and what they are fed."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from resnet_repro.data import Dataset
from resnet_repro.data.dataset import Split
from resnet_repro.spec import DataSpec, Experiment, ModelSpec
from resnet_repro.spec_file import overridden

DEPTHS = (20, 56, 110)
RANDOM_IMAGES = "random images, not CIFAR-10"


def default_experiments(overrides: Iterable[str] = ()) -> list[Experiment]:
    """ResNet-20, -56 and -110 as in the paper. Raises SpecError."""
    overrides = list(overrides)
    return [overridden(residual_net(depth), overrides) for depth in DEPTHS]


def residual_net(depth: int) -> Experiment:
    return Experiment(name=f"resnet{depth}", model=ModelSpec(depth=depth))


def random_images(data: DataSpec) -> Dataset:
    """Random bytes of the shape and number that a spec asks for: speed does not depend on what an image shows."""
    return random_dataset(data.epoch_images, data.validation_images or data.test_images)


@lru_cache(maxsize=1)
def random_dataset(train_images: int, test_images: int) -> Dataset:
    random = np.random.default_rng(0)
    train, test = (
        Split(random.integers(0, 256, (count, 32, 32, 3), np.uint8), random.integers(0, 10, count))
        for count in (train_images, test_images)
    )
    return Dataset(RANDOM_IMAGES, False, "", train, test)
