"""Options that break a run in the child process that trains it. They act when they are unpickled there."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import torch

from resnet_repro.data import DATASETS, Dataset
from resnet_repro.data.synthetic import load_synthetic
from resnet_repro.launch import worker
from resnet_repro.record.folder import Status
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.train import train_run
from resnet_repro.spec import Experiment

UNAFFORDABLE = 96  # training images of a run that runs out of memory
failed = Event()


def _load(folder: Path, train_images: int, test_images: int) -> Dataset:
    if train_images == UNAFFORDABLE:
        failed.set()
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")
    return load_synthetic(folder, train_images, test_images)


class OutOfMemory(TrainOptions):
    """A run with UNAFFORDABLE training images runs out of memory."""

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        patch.dict(DATASETS, synthetic=_load).start()


def _late(results: Path, training: Callable[..., Status]) -> Callable[..., Status]:
    """`train_run` that begins with UNAFFORDABLE images once another run has a row; no lock is held meanwhile."""

    def run(experiment: Experiment, *others: Any) -> Status:
        while experiment.data.train_images == UNAFFORDABLE and not any(results.glob("*/*/metrics.csv")):
            time.sleep(0.01)
        return training(experiment, *others)

    return run


class LostGpu(OutOfMemory):
    """Once another run trains, the GPU is unusable after that, as after an illegal memory access.

    Even freeing its memory fails.
    """

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        patch.object(worker, "train_run", _late(self.results, train_run)).start()
        patch.object(worker, "is_lost", side_effect=lambda device: failed.is_set()).start()
        patch.object(worker, "free_memory", side_effect=torch.AcceleratorError("CUDA error")).start()
