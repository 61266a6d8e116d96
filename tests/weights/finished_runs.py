"""A tiny run with its weights, and the data folders that commands read."""

from pathlib import Path

import numpy as np
import torch
from conftest import TINY

from resnet_repro.data import cifar10
from resnet_repro.data.cifar10 import BINARY_FOLDER, TEST_FILES, TRAIN_FILES
from resnet_repro.runner.train import Session, Watcher, train_run
from resnet_repro.spec.file import load_spec


def finished(folder: Path, *overrides: str) -> Path:
    """The run folder of the tiny spec, trained to its end below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY)
    experiment = load_spec(folder / "tiny.yaml", overrides)
    assert train_run(experiment, Session(folder, Path("data"), torch.device("cpu")), Watcher()) == "finished"
    return folder / experiment.label


def write_cifar10(folder: Path, train_seed: int, test_seed: int) -> Path:
    """A folder that holds data in CIFAR-10's binary layout, of random pixels."""
    (folder / BINARY_FOLDER).mkdir(parents=True)
    for names, seed in ((TRAIN_FILES, train_seed), (TEST_FILES, test_seed)):
        random = np.random.default_rng(seed)
        for name in names:
            records = random.integers(0, 256, (cifar10.IMAGES_A_FILE, 3073), np.uint8)
            records[:, 0] %= 10
            records.tofile(folder / BINARY_FOLDER / f"{name}.bin")
    return folder
