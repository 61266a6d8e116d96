"""Data sets by name. To add one: a function that returns a Dataset, a line here, and its name in `spec/data.py`."""

from collections.abc import Callable
from pathlib import Path

from resnet_repro.data.cifar10 import load_cifar10
from resnet_repro.data.dataset import Dataset, hold_out
from resnet_repro.data.synthetic import load_synthetic

__all__ = ["DATASETS", "Dataset", "hold_out"]

# Each takes the data folder and the numbers of training and test images.
DATASETS: dict[str, Callable[[Path, int, int], Dataset]] = {
    "cifar10": load_cifar10,
    "synthetic": load_synthetic,
}
