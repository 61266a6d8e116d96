"""Finished tiny runs, CIFAR-10 of random pixels, and the commands that use them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from conftest import TINY, Cli
from helpers import train

from resnet_repro.data import cifar10
from resnet_repro.data.cifar10 import BINARY_FOLDER, TEST_FILES, TRAIN_FILES
from resnet_repro.spec.file import load_spec


def finished(folder: Path, *overrides: str) -> Path:
    """Train the tiny spec to its end below `folder`; returns the run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY)
    experiment = load_spec(folder / "tiny.yaml", overrides)
    assert train(experiment, folder) == "finished"
    return folder / experiment.label


def write_cifar10(folder: Path, train_seed: int, test_seed: int) -> Path:
    """Write random pixels in CIFAR-10's binary layout; returns `folder`."""
    (folder / BINARY_FOLDER).mkdir(parents=True)
    for names, seed in ((TRAIN_FILES, train_seed), (TEST_FILES, test_seed)):
        random = np.random.default_rng(seed)
        for name in names:
            records = random.integers(0, 256, (cifar10.IMAGES_A_FILE, 3073), np.uint8)
            records[:, 0] %= 10
            records.tofile(folder / BINARY_FOLDER / f"{name}.bin")
    return folder


def edit_json(path: Path, **values: Any) -> None:
    """Replace top-level values in a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def evaluated(cli: Cli, *arguments: object) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    outcome = cli("evaluate", *arguments, "--device", "cpu", "--json")
    assert outcome.code == 0, outcome.err
    return dict(json.loads(outcome.out))


def refused(cli: Cli, *arguments: object) -> str:
    """The single error line of a command that fails."""
    outcome = cli(*arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


def front_matter(card: str) -> dict[str, Any]:
    """What the Hub reads of a card."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found
    return dict(yaml.safe_load(found[1]))
