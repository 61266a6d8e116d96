"""Compares training steps that are replayed from a graph with steps that are launched operation by operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resnet_repro.data import DATASETS, Dataset
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import overridden
from resnet_repro.training.capture import GRAPHS
from resnet_repro.training.device import tuned_convolutions

STEPS, ORDER_STEPS = 200, 20
TEST_IMAGES = 100
IMAGES = 2000  # fewer than the steps use, so that mini-batches span two epochs
TOLERANCES = {"fp32": 0.02, "bf16": 0.05, "fp16": 0.05}  # as a share of the first loss, for means over WINDOW steps
WINDOW = 10
TINY_RATE = 1e-30  # a learning rate that changes no weight


def losses_agree(experiment: Experiment, device: torch.device, precision: str, steps: int = STEPS) -> dict[str, Any]:
    """Compare the losses of a run with a graph to those of two eager runs, whose difference is the noise.

    Two eager runs on a GPU differ in their last bits, and training amplifies the difference. So the graph agrees if its
    losses, averaged over `WINDOW` steps, are within the tolerance, or within three times the noise. The returned
    differences are the largest of a single step.
    """
    training = [f"training.precision={precision}", "training.learning_rate=0.02"]
    spec, dataset = _short(experiment, steps, training), _shapes(_images(experiment))
    with launched_eagerly(device):
        _, eager = _losses(spec, dataset, device)
        _, again = _losses(spec, dataset, device)
    engine, replayed = _losses(spec, dataset, device)
    gap, noise = (_smooth(losses - eager).abs().max().item() for losses in (replayed, again))
    return {
        "spec": experiment.name,
        "precision": precision,
        "engine": engine,
        "steps": steps,
        "largest_difference": (replayed - eager).abs().max().item(),
        "noise": (again - eager).abs().max().item(),
        "first_loss": replayed[0].item(),
        "last_loss": replayed[-1].item(),
        "agrees": gap <= max(TOLERANCES[precision] * eager[0].item(), 3 * noise),
    }


def orders_agree(experiment: Experiment, device: torch.device, steps: int = ORDER_STEPS) -> dict[str, Any]:
    """Check that a run with a graph takes the same mini-batches in the same order as an eager run.

    The weights do not change, so the loss identifies the mini-batch: for each step of the graph, the nearest eager loss
    must be that of the same step.
    """
    training = ["training.precision=fp32", f"training.learning_rate={TINY_RATE}", "training.weight_decay=0"]
    spec, dataset = _short(experiment, steps, training), _shapes(_images(experiment))
    with launched_eagerly(device):
        _, eager = _losses(spec, dataset, device)
    engine, replayed = _losses(spec, dataset, device)
    nearest = (replayed[:, None] - eager[None, :]).abs().argmin(dim=1)
    return {
        "spec": experiment.name,
        "engine": engine,
        "steps": steps,
        "largest_difference": (replayed - eager).abs().max().item(),
        "agrees": nearest.tolist() == list(range(steps)),
    }


@contextmanager
def launched_eagerly(device: torch.device) -> Iterator[None]:
    """Inside, runs are built without a graph, and their convolutions are tuned as in one.

    cuDNN keeps what it chose first for a shape, so that untuned convolutions here would slow all later runs.
    """
    graph = GRAPHS.pop(device.type, None)
    try:
        with tuned_convolutions():
            yield
    finally:
        if graph:
            GRAPHS[device.type] = graph


def _short(experiment: Experiment, steps: int, overrides: list[str]) -> Experiment:
    data = [f"data.train_images={_images(experiment)}", f"data.test_images={TEST_IMAGES}"]
    cadence = [f"training.{field}={steps}" for field in ("steps", "evaluate_every", "record_every")]
    unfit = ["data.validation_images=0", "training.milestones=[]", "training.warmup=null", "probes.measure=[]"]
    return overridden(experiment, ["data.dataset=synthetic", *data, *cadence, *unfit, *overrides])


@lru_cache(maxsize=1)  # drawing the images takes as long as the training
def _shapes(images: int) -> Dataset:
    """Synthetic images, which a net can learn, unlike random ones."""
    return DATASETS["synthetic"](Path(), images, TEST_IMAGES)


def _images(experiment: Experiment) -> int:
    return max(IMAGES, experiment.training.batch_size)


def _losses(spec: Experiment, dataset: Dataset, device: torch.device) -> tuple[str, Tensor]:
    """Train to the end. Returns the engine's name and the loss of each step, on the CPU."""
    trainer = build_trainer(spec, dataset, device)
    for _ in trainer.run():
        pass
    if trainer.diverged_at:
        raise ArithmeticError(f"{trainer.engine.name}: the loss of step {trainer.diverged_at} is not finite")
    return trainer.engine.name, trainer.state()["history"][0]


def _smooth(losses: Tensor) -> Tensor:
    """Means over windows, (steps,) -> (steps - WINDOW + 1,); one mean of all steps if there are fewer."""
    return losses.unfold(0, min(WINDOW, len(losses)), 1).mean(dim=1)
