"""Where a run starts whose spec has a section `start`: at the net of a finished run, grown to its own depth."""

import os
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from resnet_repro.data import Dataset
from resnet_repro.data.batches import TrainingBatches, normalization_of
from resnet_repro.errors import RunError
from resnet_repro.models.deepening import Moments, deepen, stage_moments
from resnet_repro.models.network import Network
from resnet_repro.record.run import SPEC, Run
from resnet_repro.runner.assembly import build_net
from resnet_repro.runner.finished import load_with_digest, read_finished
from resnet_repro.spec import Experiment
from resnet_repro.spec.carried import carried_specs
from resnet_repro.spec.start import no_growth

MEASURED_STEPS = 50  # whose mini-batches give the statistics of BN in added plain units


class Start(NamedTuple):
    """The weights with which a run starts, and what environment.json records of where they come from."""

    weights: dict[str, Tensor]
    origin: dict[str, Any]


def find_source(experiment: Experiment, results: Path) -> Run:
    """The finished run to start from. Raises RunError, with the command that trains it, or SpecError."""
    label = experiment.source
    folder, place = results / label, f"{experiment.label}: start.run"
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(results)):
        raise RunError(f"{place}: a link leads out of {results}, and nothing is read through it; copy the run there")
    if not (folder / SPEC).is_file():
        raise RunError(f"{place}: there is no run {folder}; train it first with '{_training(label, results)}'")
    try:
        source = read_finished(folder)
    except RunError as error:
        raise RunError(f"{place}: {error}") from None
    check_growth(source.experiment, experiment)
    return source


def check_growth(source: Experiment, experiment: Experiment) -> None:
    """Raise RunError if the net of `source` cannot grow into that of `experiment`."""
    if reason := no_growth(source.model, experiment.model):
        raise RunError(f"{experiment.label}: cannot start from {source.label}: {reason}")


def grown_start(experiment: Experiment, results: Path, dataset: Dataset) -> Start:
    """The net of the run to start from, grown to the depth of `experiment`. Raises RunError or SpecError."""
    source = find_source(experiment, results)
    shallow, digest = load_with_digest(source)
    deep = grow(shallow, experiment, partial(passing_moments, shallow, experiment, dataset))
    origin = {
        "run": experiment.source,
        "weights_sha256": digest,
        "depth": source.experiment.model.depth,
        "steps": source.steps_before + source.experiment.training.steps,
    }
    return Start(deep.state_dict(), origin)


def grow(shallow: Network, experiment: Experiment, measure: Callable[[], Sequence[Moments]]) -> Network:
    """The net of `experiment` on the CPU, with the function of `shallow` and in its precision.

    `measure` gives the moments of what passes the added units, if they are needed.
    """
    deep = build_net(experiment).to(shallow.head.weight.dtype)
    deepen(shallow, deep, measure)
    return deep


def passing_moments(shallow: Network, experiment: Experiment, dataset: Dataset) -> list[Moments]:
    """The moments of each stage's output, on the mini-batches of the first steps of the run, on the CPU."""
    size, device = experiment.training.batch_size, torch.device("cpu")
    normalization, augmentation = normalization_of(dataset.train, device), experiment.data.augmentation
    batches = TrainingBatches(dataset.train, normalization, size, experiment.seed, augmentation, device)
    return stage_moments(shallow, (batches[step].images for step in range(MEASURED_STEPS)))


def _training(label: str, results: Path) -> str:
    """The command that trains a run which is not there: by the name of a carried experiment, if it is one."""
    name, _, seed = label.rpartition("/seed-")
    spec = [name] if name in carried_specs() else ["SPEC", "--name", name]
    return shlex.join(["resnet-repro", "train", *spec, "--seed", seed, "--results", str(results)])
