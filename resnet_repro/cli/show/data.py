"""What `data check` prints: images per class, digests, and whether this is the true CIFAR-10."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resnet_repro.text_tables import print_table

if TYPE_CHECKING:
    from resnet_repro.data import Dataset


def print_data(dataset: "Dataset", folder: str, classes: Sequence[str]) -> None:
    counts = [Counter(split.labels.tolist()) for split in (dataset.train, dataset.test)]
    rows = [[name, *(str(count[label]) for count in counts)] for label, name in enumerate(classes)]
    rows.append(["all", *(str(sum(count.values())) for count in counts)])
    print_table(folder, ["class", "training images", "test images"], rows)
    for split, digest in zip(("train", "test"), dataset.digest.split(), strict=True):
        print(f"{split} digest {digest}")
    print("exact: this is the true CIFAR-10" if dataset.exact else "NOT EXACT: this is not the true CIFAR-10")
