"""Evaluates a finished run again: its stored weights on a test set, with the code that training uses."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from resnet_repro.data import CLASSES
from resnet_repro.data.batches import EvaluationBatches, Normalization
from resnet_repro.record.provenance import decisive, segments
from resnet_repro.record.run import Run
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.environment import describe_environment
from resnet_repro.runner.finished import load_net, read_finished, same_data
from resnet_repro.text_tables import counted
from resnet_repro.training.device import resolve_device, resolve_precision
from resnet_repro.training.engine import Engine
from resnet_repro.training.evaluation import evaluate

CAUSES = ("device", "ranks", "precision", "torch")  # parts of an environment that may change an evaluation
SAME_LOSS = 1e-4  # relative tolerance, for rounding
ROUNDING_PCT = 1.0  # images that another device or precision may classify otherwise, in % of all


class Confused(NamedTuple):
    """The images of one class that the net takes for another class."""

    true: str
    predicted: str
    images: int
    share_pct: float  # of the images of the true class


@dataclass(frozen=True)
class Evaluation:
    """The errors of a run's net on a test set, as plain values; errors are percentages."""

    run: Run
    data: dict[str, Any]  # name, exact and digest of the data it was evaluated on
    same_data: bool | None  # as the run's; None if it recorded none
    same_training_data: bool | None  # their per-pixel mean is subtracted from the images
    environment: dict[str, Any]
    test_loss: float
    test_error_pct: float
    classes: tuple[str, ...]
    # numbers of images: a row for each true class, a column for each predicted one
    confusion: tuple[tuple[int, ...], ...]

    @property
    def images(self) -> int:
        return sum(map(sum, self.confusion))

    def class_error_pct(self) -> dict[str, float | None]:
        """The error of each class; None for a class without images."""
        return {
            name: 100 * (sum(row) - row[index]) / sum(row) if any(row) else None
            for index, (name, row) in enumerate(zip(self.classes, self.confusion, strict=True))
        }

    def most_confused(self, most: int = 5) -> list[Confused]:
        """At most `most` pairs of classes, those with the most images first."""
        pairs = [
            Confused(self.classes[true], self.classes[predicted], images, 100 * images / sum(row))
            for true, row in enumerate(self.confusion)
            for predicted, images in enumerate(row)
            if images and true != predicted
        ]
        return sorted(pairs, key=lambda pair: -pair.images)[:most]

    @property
    def agrees(self) -> bool | None:
        """Whether loss and number of errors equal those in the run's last row; None on other data."""
        if self.same_data is False:
            return None
        assert self.run.final is not None
        assert self.run.final.test_loss is not None
        return not self._images_off() and math.isclose(self.test_loss, self.run.final.test_loss, rel_tol=SAME_LOSS)

    def verdict(self) -> str:
        """Whether it agrees with the recorded numbers, and the likely cause if it does not, in words."""
        if self.agrees is None:
            return "cannot be compared with the recorded numbers, which are of other data"
        if self.agrees:
            return "agrees with the recorded numbers"
        off = self._images_off()
        differs = f"differs from the recorded numbers by {abs(off)} of {counted(self.images, 'image')}" if off else (
            "differs from the recorded loss")  # fmt: skip
        changed = self._changed()
        if abs(off) > self.images * ROUNDING_PCT / 100:
            cause = "more than another device or precision explains: these are probably not the run's final weights"
        elif changed:
            cause = f"likely because it was recorded with another {changed}"
        else:
            cause = "though it was recorded in this environment: these are probably not the run's final weights"
        return f"{differs}, {cause}"

    def _changed(self) -> str:
        """The parts of the environment at the run's end that differ here."""
        before, now = segments(self.run.environment)[-1], decisive(self.environment)
        return ", ".join(f"{name} ({before[name]})" for name in CAUSES if before[name] and now[name] != before[name])

    def _images_off(self) -> int:
        assert self.run.final is not None
        assert self.run.final.test_error_pct is not None
        return round((self.test_error_pct - self.run.final.test_error_pct) * self.images / 100)


def evaluate_run(folder: Path, data_dir: Path, device_name: str) -> Evaluation:
    """Evaluate the run in `folder` on the test images of its data set, or on its held-out validation images.

    The images come from `data_dir`, which may hold other data than the run's; the per-pixel mean is that of the
    training images there. Raises RunError, SpecError or DataError.
    """
    run = read_finished(folder)
    device = resolve_device(device_name)
    net = load_net(run)
    dataset = Datasets(data_dir).load(run.experiment.data)
    precision = resolve_precision(run.experiment.training.precision, device)
    engine = Engine(net, device, precision, momentum=0.0, nesterov=False, weight_decay=0.0)
    batches = EvaluationBatches(dataset.test, Normalization(dataset.train, device), device)
    predicted: list[torch.Tensor] = []
    with net.register_forward_hook(lambda _net, _images, outputs: predicted.append(outputs.argmax(dim=1))):
        loss, error = evaluate(engine, batches)
    same, same_training = same_data(run, dataset)
    classes = CLASSES[run.experiment.data.dataset]
    data = dataset.identity
    return Evaluation(
        run=run,
        data=data,
        same_data=same,
        same_training_data=same_training,
        environment=describe_environment(device, precision, engine.name, data),
        test_loss=loss,
        test_error_pct=error,
        classes=classes,
        confusion=_confusion(batches.labels, torch.cat(predicted), len(classes)),
    )


def _confusion(labels: torch.Tensor, predicted: torch.Tensor, classes: int) -> tuple[tuple[int, ...], ...]:
    """The confusion matrix, (classes, classes), from labels (N,) and predicted classes (N,)."""
    pairs = (labels * classes + predicted).cpu()
    rows: list[list[int]] = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).tolist()
    return tuple(tuple(row) for row in rows)
