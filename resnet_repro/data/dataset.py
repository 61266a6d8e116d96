"""What a data set is: two splits of 32x32 colour images held as bytes, and an honest name."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]  # (N, 32, 32, 3), row, column, colour
Labels = npt.NDArray[np.int64]  # (N,), 0 to 9


@dataclass(frozen=True)
class Split:
    images: Images
    labels: Labels


@dataclass(frozen=True)
class Dataset:
    """`name` is how every table and figure calls the data; `exact` says that it is the true CIFAR-10."""

    name: str
    exact: bool
    digest: str
    train: Split
    test: Split


def hold_out(dataset: Dataset, count: int) -> Dataset:
    """The last `count` training images take the place of the test set: [R]'s 45k/5k split, by which it chose."""
    if count == 0:
        return dataset
    images, labels = dataset.train.images, dataset.train.labels
    return replace(
        dataset,
        name=f"{dataset.name}, tested on {count} held-out training images",
        train=Split(images[:-count], labels[:-count]),
        test=Split(images[-count:], labels[-count:]),
    )


def content_digest(split: Split) -> str:
    """SHA-256 of the split's content, whatever the order of its images and the layout of its files.

    Hashed are the records of CIFAR-10's binary version (label byte, 1024 red, 1024 green, 1024 blue bytes),
    sorted as byte strings and joined.
    """
    planes = split.images.transpose(0, 3, 1, 2).reshape(len(split.images), -1)
    records = np.concatenate([split.labels.astype(np.uint8)[:, None], planes], axis=1)
    joined = hashlib.sha256()
    for record in sorted(record.tobytes() for record in records):
        joined.update(record)
    return joined.hexdigest()
