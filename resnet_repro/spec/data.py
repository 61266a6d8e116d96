"""Section `data` of a spec: the images that a net is trained and tested on."""

from typing import Annotated, Literal, Self

from pydantic import NonNegativeInt, model_validator

from resnet_repro.spec.own import Grows
from resnet_repro.spec.section import Images, Section

CIFAR10_TRAIN_IMAGES, CIFAR10_TEST_IMAGES = 50_000, 10_000


class DataSpec(Section):
    """The images. CIFAR-10 has 50,000 to train on and 10,000 to test on, 32x32 pixels, ten classes."""

    dataset: Annotated[Literal["cifar10", "synthetic"], Grows("data.dataset")] = "cifar10"
    """`synthetic` draws made-up images, for machines without CIFAR-10; nothing is downloaded."""
    augmentation: Literal["crop_flip", "none"] = "crop_flip"
    """`crop_flip` pads 4 pixels, crops 32x32 at random, and flips half of the images ([R] section 4.2)."""
    train_images: Images = CIFAR10_TRAIN_IMAGES
    """Number of training images; only `synthetic` takes another number."""
    test_images: Images = CIFAR10_TEST_IMAGES
    """Number of test images; only `synthetic` takes another number."""
    validation_images: NonNegativeInt = 0
    """Holds out this many training images, the last ones, and tests on them in place of the test set.
    5000 is the 45k/5k split of [R], section 4.2."""

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        true_sizes = {"train_images": CIFAR10_TRAIN_IMAGES, "test_images": CIFAR10_TEST_IMAGES}
        for field, size in true_sizes.items():
            if self.dataset == "cifar10" and getattr(self, field) != size:
                raise ValueError(f"{field}: CIFAR-10 has {size}; only 'dataset: synthetic' takes another number")
        if self.validation_images >= self.train_images:
            raise ValueError(
                f"validation_images: {self.validation_images} leave none of the {self.train_images} training images"
            )
        return self

    @property
    def epoch_images(self) -> int:
        """Number of training images in an epoch: those that are not held out."""
        return self.train_images - self.validation_images
