"""Data sets in memory, shared by the runs of one process."""

import threading
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from resnet_repro.data import DATASETS, Dataset, hold_out
from resnet_repro.errors import DataError
from resnet_repro.runner.trial import blamed
from resnet_repro.spec import DataSpec
from resnet_repro.spec.model import CLASSES
from resnet_repro.spec.own import ADDED, Use, check_known


class Datasets:
    """Loads each data set once, for runs one after another or in threads side by side.

    The newest data set and those that runs still hold stay in memory.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._loaded: WeakValueDictionary[tuple[object, ...], Dataset] = WeakValueDictionary()
        self._newest: Dataset | None = None
        self._loading = threading.Lock()

    def load(self, data: DataSpec) -> Dataset:
        """The images of a spec's `data` section, with its validation images held out. Raises DataError."""
        key = data.dataset, data.train_images, data.test_images, data.validation_images
        with self._loading:
            if (dataset := self._loaded.get(key)) is None:
                check_known(data, "data")
                whole = self._loaded_whole(data)
                dataset = self._loaded[key] = hold_out(whole, data.validation_images)
            self._newest = dataset
            return dataset

    def _loaded_whole(self, data: DataSpec) -> Dataset:
        """The data set before validation images are held out; one of the user's own is checked."""
        added = ADDED.get("data.dataset", {})
        used = [Use("data.dataset", data.dataset, added[data.dataset])] if data.dataset in added else []
        with blamed(used, DataError):
            whole = DATASETS[data.dataset](self.data_dir, data.train_images, data.test_images)
            if used:
                _check(whole, data)
            return whole


def _check(dataset: Dataset, data: DataSpec) -> None:
    """Raise ValueError if a data set has other images than the spec says."""
    for field, split in (("train_images", dataset.train), ("test_images", dataset.test)):
        asked, shape = getattr(data, field), split.images.shape
        if shape != (asked, 32, 32, 3) or split.images.dtype != np.uint8:
            raise ValueError(f"data.{field} is {asked}, and its images are {split.images.dtype} of shape {shape}")
        if split.labels.shape != (asked,) or not set(np.unique(split.labels)) <= set(range(CLASSES)):
            raise ValueError(f"its labels should be {asked} numbers from 0 to {CLASSES - 1}")
