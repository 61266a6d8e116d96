"""Data sets by name.

To add one: a function that returns a Dataset, a line in each table here, and its name in `spec/data.py`.
"""

from collections.abc import Callable
from pathlib import Path

from resnet_repro.data import cifar10, synthetic
from resnet_repro.data.cifar10 import find_cifar10, load_cifar10
from resnet_repro.data.dataset import Dataset, Split, content_digest, hold_out
from resnet_repro.data.synthetic import load_synthetic

__all__ = ["CLASSES", "DATASETS", "Dataset", "Split", "content_digest", "find_cifar10", "hold_out"]

# Each function takes the data folder and the numbers of training and test images.
DATASETS: dict[str, Callable[[Path, int, int], Dataset]] = {
    "cifar10": load_cifar10,
    "synthetic": load_synthetic,
}

# The names of the labels, in order.
CLASSES: dict[str, tuple[str, ...]] = {
    "cifar10": cifar10.CLASSES,
    "synthetic": synthetic.CLASSES,
}
