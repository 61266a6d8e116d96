"""Stored weights looked at again: test error, by class, and what is taken for what."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resnet_repro.analysis import data_name
from resnet_repro.assembly import build_trainer
from resnet_repro.data import Dataset
from resnet_repro.data.cifar10 import CLASSES
from resnet_repro.record import WEIGHTS, Run, read_run
from resnet_repro.runner import Session
from resnet_repro.training.device import device_name, resolve_device
from resnet_repro.training.evaluation import evaluate
from resnet_repro.training.loop import Trainer
from resnet_repro.weights import load_weights

AGREEMENT = 0.005  # points: less than one image of 10,000
MOST_CONFUSED = 5  # pairs that are told


@dataclass(frozen=True)
class Evaluation:
    """Of a run's final weights on a test set. `confusion` counts images: (10, 10), true class by predicted class."""

    run: Run
    data: Dataset
    device_name: str
    precision: str
    test_loss: float
    test_error_pct: float
    confusion: npt.NDArray[np.int64]

    @property
    def class_error_pct(self) -> list[float | None]:
        """None for a class of which the test set has no image."""
        totals = self.confusion.sum(axis=1)
        return [100 * (1 - right / total) if total else None
                for right, total in zip(self.confusion.diagonal().tolist(), totals.tolist(), strict=True)]  # fmt: skip

    @property
    def recorded_test_error_pct(self) -> float | None:
        return self.run.final.test_error_pct if self.run.final else None

    @property
    def is_same_data(self) -> bool:
        """Whether the test set is the one that the run was tested on."""
        recorded = (self.run.environment.get("data") or {}).get("digest")
        return bool(recorded == self.data.digest and data_name(self.run) == self.data.name)

    def comparison(self) -> str:
        """Beside what was recorded when the run ended, with the likely cause of a difference."""
        recorded = self.recorded_test_error_pct
        if recorded is None:
            return "no test error was recorded to compare with"
        difference = self.test_error_pct - recorded
        if not self.is_same_data:
            return f"recorded was {recorded:.2f} %, on other data: {data_name(self.run)}"
        if abs(difference) < AGREEMENT:
            return f"as recorded, {recorded:.2f} %"
        made = self.run.environment
        then = f"{made.get('device_name', 'unknown device')} in {made.get('precision', 'unknown precision')}"
        return (
            f"recorded was {recorded:.2f} %, {difference:+.2f} points from here: "
            f"then {then}, now {self.device_name} in {self.precision}"
        )

    def most_confused(self) -> list[tuple[int, int, int]]:
        """(true class, predicted class, images), the most frequent first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSED]
        pairs = (divmod(int(place), len(wrong)) for place in order)
        return [(true, taken, int(wrong[true, taken])) for true, taken in pairs if wrong[true, taken]]


def open_run(folder: Path, data_dir: Path, device: torch.device) -> tuple[Run, Dataset, Trainer]:
    """A run with its data and, in the engine of a trainer, its final weights. Raises RunError, DataError."""
    run = read_run(folder)
    dataset = Session(folder, data_dir, device).dataset(run.experiment.data)
    trainer = build_trainer(run.experiment, dataset, device)
    load_weights(trainer.engine.net, folder / WEIGHTS)
    return run, dataset, trainer


def evaluate_run(folder: Path, data_dir: Path, device: str) -> Evaluation:
    """The run in `folder` on the test set of its spec, or on the held-out images if that asks for them."""
    resolved = resolve_device(device)
    run, dataset, trainer = open_run(folder, data_dir, resolved)
    predicted: list[Tensor] = []
    hook = trainer.engine.net.register_forward_hook(lambda net, images, outputs: predicted.append(outputs.argmax(1)))
    loss, error = evaluate(trainer.engine, trainer.test)
    hook.remove()
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(confusion, (dataset.test.labels, torch.cat(predicted).cpu().numpy()), 1)
    return Evaluation(run, dataset, device_name(resolved), trainer.engine.precision, loss, error, confusion)


def class_names(run: Run) -> Sequence[str]:
    if run.experiment.data.dataset == "cifar10":
        return CLASSES
    return [f"class {label}" for label in range(len(CLASSES))]


def evaluation_json(found: Evaluation) -> dict[str, Any]:
    """Plain numbers."""
    return {
        "run": found.run.path.as_posix(),
        "data": {"name": found.data.name, "exact": found.data.exact, "same": found.is_same_data},
        "device": found.device_name,
        "precision": found.precision,
        "test_error_pct": found.test_error_pct,
        "test_loss": found.test_loss,
        "recorded_test_error_pct": found.recorded_test_error_pct,
        "class_error_pct": dict(zip(class_names(found.run), found.class_error_pct, strict=True)),
        "confusion": found.confusion.tolist(),
    }
