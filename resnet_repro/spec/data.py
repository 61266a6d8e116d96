"""What a net is trained on and measured with."""

from typing import Literal, Self

from pydantic import NonNegativeInt, model_validator

from resnet_repro.spec.section import Images, Section

CIFAR10_TRAIN_IMAGES, CIFAR10_TEST_IMAGES = 50_000, 10_000


class DataSpec(Section):
    dataset: Literal["cifar10", "synthetic"] = "cifar10"
    augmentation: Literal["crop_flip", "none"] = "crop_flip"  # pad 4, crop 32x32, flip half of them
    train_images: Images = CIFAR10_TRAIN_IMAGES
    test_images: Images = CIFAR10_TEST_IMAGES
    validation_images: NonNegativeInt = 0  # the last of the training images, held out and used in place of the test set

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
        """The images of an epoch: the training images that are not held out."""
        return self.train_images - self.validation_images
