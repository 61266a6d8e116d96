"""Data sets in memory, shared by the runs of one process."""

import threading
from pathlib import Path
from weakref import WeakValueDictionary

from resnet_repro.data import DATASETS, Dataset, hold_out
from resnet_repro.spec import DataSpec


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
                whole = DATASETS[data.dataset](self.data_dir, data.train_images, data.test_images)
                dataset = self._loaded[key] = hold_out(whole, data.validation_images)
            self._newest = dataset
            return dataset
