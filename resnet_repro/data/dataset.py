"""A data set: two splits of 32x32 colour images held as bytes, and a name that says whether it is CIFAR-10."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from resnet_repro.spec.naming import held_out_phrase

Images = npt.NDArray[np.uint8]  # (N, 32, 32, 3), row, column, colour
Labels = npt.NDArray[np.int64]  # (N,), 0 to 9


@dataclass(frozen=True, eq=False)  # equal only to itself, so that it can be a key of a cache
class Split:
    """The training or the test images: (N, 32, 32, 3) bytes, and (N,) labels from 0."""

    images: Images
    labels: Labels


@dataclass(frozen=True)
class Dataset:
    """`name` is the name in every table and figure. `exact` is True only for the true CIFAR-10."""

    name: str
    exact: bool
    digest: str
    train: Split
    test: Split

    @property
    def identity(self) -> dict[str, str | bool]:
        """What runs and measurements record of the data."""
        return {"name": self.name, "exact": self.exact, "digest": self.digest}


def hold_out(dataset: Dataset, count: int) -> Dataset:
    """The data set with its last `count` training images as its test set, as in [R]'s 45k/5k split for validation."""
    if count == 0:
        return dataset
    images, labels = dataset.train.images, dataset.train.labels
    return replace(
        dataset,
        name=f"{dataset.name}{held_out_phrase(count)}",
        train=Split(images[:-count], labels[:-count]),
        test=Split(images[-count:], labels[-count:]),
    )


def content_digest(split: Split) -> str:
    """SHA-256 of the split's content, independent of the order of its images and of the file layout.

    It hashes the records of CIFAR-10's binary version (label byte, 1024 red, 1024 green, 1024 blue bytes), sorted as
    byte strings and joined.
    """
    planes = split.images.transpose(0, 3, 1, 2).reshape(len(split.images), -1)
    records = np.concatenate([split.labels.astype(np.uint8)[:, None], planes], axis=1)
    joined = hashlib.sha256()
    for record in sorted(record.tobytes() for record in records):
        joined.update(record)
    return joined.hexdigest()
