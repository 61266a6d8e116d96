"""The default nets of the benchmarks, and their random images."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from resnet_repro.data import Dataset
from resnet_repro.data.dataset import Split
from resnet_repro.spec import DataSpec, Experiment, ModelSpec
from resnet_repro.spec.file import overridden

DEPTHS = (20, 56, 110)
RANDOM_IMAGES = "random images, not CIFAR-10"
FEW_TRAINING_IMAGES = 5000
FEW_TEST_IMAGES = 2000  # one batch of an evaluation on a GPU


def default_experiments(overrides: Iterable[str] = ()) -> list[Experiment]:
    """ResNet-20, -56 and -110 as in the paper. Raises SpecError."""
    overrides = list(overrides)
    return [overridden(residual_net(depth), overrides) for depth in DEPTHS]


def residual_net(depth: int) -> Experiment:
    return Experiment(name=f"resnet{depth}", model=ModelSpec(depth=depth))


def plain_net(depth: int) -> Experiment:
    return Experiment(name=f"plain{depth}", model=ModelSpec(depth=depth, shortcut="none"))


def fig6_experiments(overrides: Iterable[str] = ()) -> list[Experiment]:
    """The nine nets of the paper's Fig. 6, with the three of `default_experiments` first. Raises SpecError."""
    overrides = list(overrides)
    others = [plain_net(20), plain_net(56), residual_net(32), residual_net(44), plain_net(32), plain_net(44)]
    return [*default_experiments(overrides), *(overridden(net, overrides) for net in others)]


def with_few_images(experiment: Experiment) -> Experiment:
    """The experiment with few images, for many runs at once. The cost of a step stays the same."""
    few = DataSpec(
        dataset="synthetic",
        train_images=max(FEW_TRAINING_IMAGES, experiment.training.batch_size),
        test_images=FEW_TEST_IMAGES,
        augmentation=experiment.data.augmentation,
    )
    return experiment.model_copy(update={"data": few})


def random_images(data: DataSpec) -> Dataset:
    """Random images in the numbers of a spec. The speed does not depend on what an image shows."""
    return random_dataset(data.epoch_images, data.validation_images or data.test_images)


@lru_cache(maxsize=1)
def random_dataset(train_images: int, test_images: int) -> Dataset:
    """Images of random bytes with random labels, the same in every process."""
    random = np.random.default_rng(0)
    train, test = (
        Split(random.integers(0, 256, (count, 32, 32, 3), np.uint8), random.integers(0, 10, count))
        for count in (train_images, test_images)
    )
    return Dataset(RANDOM_IMAGES, False, "", train, test)
