"""Grows the net of a finished run to a greater depth, and measures that it computes the same."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from resnet_repro.data.batches import EvaluationBatches, normalization_of
from resnet_repro.errors import SpecError
from resnet_repro.record.run import SPEC, Run
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.environment import describe_environment
from resnet_repro.runner.finished import load_net, read_finished
from resnet_repro.runner.start import grow, passing_moments
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import as_source, validated
from resnet_repro.spec.overriding import given
from resnet_repro.spec.yaml_source import Source
from resnet_repro.training.device import resolve_device, resolve_precision
from resnet_repro.training.engine import Engine
from resnet_repro.training.evaluation import evaluate

FLOAT64_IMAGES = 50  # on which outputs are compared in float64, which takes long


class Tested(NamedTuple):
    """A net, what it has, and its errors on the test set."""

    experiment: Experiment
    parameters: int
    test_loss: float
    test_error_pct: float


@dataclass(frozen=True)
class Deepening:
    """The net of a run and the one that it grew into, on the same test images."""

    run: Run
    shallow: Tested
    deep: Tested
    data: dict[str, Any]
    environment: dict[str, Any]
    images: int
    largest_difference: float  # of any output, in the precision of the evaluation
    largest_difference_float64: float  # on the first `float64_images`, if the weights are float64 too
    float64_images: int
    outputs_std: float  # of the shallow net, over all images


def deepen_run(folder: Path, depth: int, data_dir: Path, device_name: str) -> Deepening:
    """Grow the net of the run in `folder` to `depth` layers, and evaluate both. Nothing is written.

    Raises RunError, SpecError or DataError.
    """
    run = read_finished(folder)
    experiment = _deeper(run, depth)
    shallow = load_net(run)
    device = resolve_device(device_name)
    dataset = Datasets(data_dir).load(run.experiment.data)
    data = dataset.identity
    measure = cache(partial(passing_moments, shallow, experiment, dataset))
    deep = grow(shallow, experiment, measure)
    shallow64 = copy.deepcopy(shallow).double()
    deep64 = grow(shallow64, experiment, measure).eval()
    cpu = torch.device("cpu")
    few = EvaluationBatches(dataset.test, normalization_of(dataset.train, cpu), cpu, limit=FLOAT64_IMAGES)
    precision = resolve_precision(run.experiment.training.precision, device)
    batches = EvaluationBatches(dataset.test, normalization_of(dataset.train, device), device)
    ours, theirs = (
        Engine(net, device, precision, momentum=0.0, nesterov=False, weight_decay=0.0) for net in (shallow, deep)
    )
    tested, outputs = zip(
        *(_tested(engine, one, batches) for engine, one in ((ours, run.experiment), (theirs, experiment))),
        strict=True,
    )
    with torch.no_grad():
        differences = [_largest(deep64(images.double()), shallow64(images.double())) for images, _ in few]
    return Deepening(
        run=run,
        shallow=tested[0],
        deep=tested[1],
        data=data,
        environment=describe_environment(device, precision, ours.name, data),
        images=len(batches.labels),
        largest_difference=_largest(*outputs),
        largest_difference_float64=max(differences),
        float64_images=len(few.labels),
        outputs_std=float(outputs[0].std()),
    )


def _deeper(run: Run, depth: int) -> Experiment:
    """The experiment of the deeper net, which starts from the run. Raises SpecError."""
    if depth <= run.experiment.model.depth:
        raise SpecError(f"DEPTH {depth}: should be more than the {run.experiment.model.depth} of {run.path}")
    source = Source(as_source(run.experiment).values, {(): str(run.path / SPEC)})
    start = Source({"start": {"run": run.experiment.name}})
    return validated(given("model.depth", depth, f"DEPTH {depth}").over(start.over(source)))


def _tested(engine: Engine, experiment: Experiment, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tested, Tensor]:
    """The errors of an engine's net, and its outputs (N, 10) in float32."""
    outputs: list[Tensor] = []
    with engine.net.register_forward_hook(lambda _net, _images, output: outputs.append(output.float())):
        loss, error = evaluate(engine, batches)
    parameters = sum(parameter.numel() for parameter in engine.net.parameters())
    return Tested(experiment, parameters, loss, error), torch.cat(outputs)


def _largest(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())
