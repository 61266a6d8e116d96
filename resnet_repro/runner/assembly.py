"""Builds what a run needs from its spec: net, mini-batches, engine, schedule and probes."""

import logging

import torch
from torch import Tensor

from resnet_repro.data import Dataset
from resnet_repro.data.batches import EvaluationBatches, TrainingBatches, normalization_of
from resnet_repro.errors import RunError
from resnet_repro.models.build import build
from resnet_repro.models.layers import Dropout
from resnet_repro.models.network import Network
from resnet_repro.probes import Instruments
from resnet_repro.seeding import Stream, generator, seeds
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.training.capture import GRAPHS, capture
from resnet_repro.training.device import resolve_precision
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.engine import BatchMetrics, Engine, Kernels
from resnet_repro.training.kernels import choose_kernels
from resnet_repro.training.loop import Trainer
from resnet_repro.training.schedule import Schedule
from resnet_repro.training.stepping import Stepper
from resnet_repro.training.streams import alone_on

log = logging.getLogger(__name__)


def build_net(experiment: Experiment) -> Network:
    """The experiment's net on the CPU, initialised from its seed."""
    return build(experiment.model, generator(experiment.seed, Stream.INITIALIZATION))


def build_trainer(
    experiment: Experiment,
    dataset: Dataset,
    device: torch.device,
    compiled: bool = False,
    ranks: Ranks = ALONE,
    require_graph: bool = False,
    kernels: Kernels | None = None,
) -> Trainer:
    """The trainer of a run, ready for its first step. `compiled` compiles the net's units with torch.compile.

    `kernels` compute BN, addition and ReLU; by default the faster of torch's and the fused ones, by a trial on the
    device. Raises RunError if the ranks cannot share the spec's mini-batches equally, if `require_graph` is set and the
    training step cannot be captured in a CUDA graph, or if `compiled` is set and the device lacks the precision.
    """
    training, data = experiment.training, experiment.data
    net = build_net(experiment.model_copy(update={"model": _share_of_rank(experiment, ranks)}))
    if training.recompute:
        net.recompute()
    engine = Engine(
        net,
        device,
        resolve_precision(training.precision, device),
        training.momentum,
        training.nesterov,
        training.weight_decay,
        decay_vectors=training.weight_decay_on == "all",
        ranks=ranks,
    )
    if compiled and engine.rounds:
        raise RunError(f"--compile: not in {engine.precision}, which this CPU lacks; --set training.precision=fp32")
    if compiled:
        net.compile_units()
    with alone_on(device):
        if kernels is None:
            kernels = "torch" if compiled else choose_kernels(engine, net.fuse, training.batch_size)
        net.fuse(kernels == "fused")
        engine.kernels = kernels
    normalization = normalization_of(dataset.train, device)
    batches = TrainingBatches(
        dataset.train, normalization, training.batch_size, experiment.seed, data.augmentation, device
    )
    stepper = _stepper(experiment, engine, batches)
    with alone_on(device):
        _capture(stepper, engine, require_graph)
    if compiled:
        engine.name += ", compiled units"
    share = {"start": ranks.rank, "every": ranks.count}
    return Trainer(
        engine=engine,
        stepper=stepper,
        batch_size=training.batch_size,
        train_images=data.epoch_images,
        clean=EvaluationBatches(dataset.train, normalization, device, limit=training.clean_images, **share),
        test=EvaluationBatches(dataset.test, normalization, device, **share),
        schedule=schedule(experiment),
        steps=training.steps,
        record_every=experiment.steps_of(training.record_every),
        evaluate_every=experiment.steps_of(training.evaluate_every),
        row_step=-1 if experiment.start else 0,
    )


def _share_of_rank(experiment: Experiment, ranks: Ranks) -> ModelSpec:
    """The model spec for one rank, with its share of the ghost batches (`batch_norm_splits`). Raises RunError."""
    model, batch_size, count = experiment.model, experiment.training.batch_size, ranks.count
    if batch_size % count:
        raise RunError(f"training.batch_size: {batch_size} cannot be shared equally by {count} ranks")
    splits = model.batch_norm_splits
    if splits > 1 and splits % count:
        raise RunError(
            f"model.batch_norm_splits: {splits} cannot be shared equally by {count} ranks; 1 gives each rank one"
        )
    if count > splits == 1 and model.normalization == "batch" and not model.batch_norm_sync:
        log.warning(
            "BN normalises by the statistics of each rank's %d images, as in the paper; "
            "model.batch_norm_sync: true uses all %d images",
            batch_size // count,
            batch_size,
        )
    return model.model_copy(update={"batch_norm_splits": max(1, splits // count)})


def _stepper(experiment: Experiment, engine: Engine, batches: TrainingBatches) -> Stepper:
    """The training step: it draws a mini-batch and dropout seeds, and trains on this rank's share of the images."""
    layer_seeds = [module.seed for module in engine.net.modules() if isinstance(module, Dropout)]
    places = 2 * experiment.training.batch_size  # each image has an index and an augmentation

    def draws(first: int, count: int) -> Tensor:
        seeds = dropout_seeds(experiment.seed, first, count, len(layer_seeds), engine.ranks)
        return torch.cat([batches.draws(first, count).flatten(1), seeds], dim=1)

    def take(draw: Tensor, learning_rate: float | Tensor) -> BatchMetrics:
        if layer_seeds:
            torch._foreach_copy_(layer_seeds, draw[places:].unbind())
        share = engine.ranks.share(draw[:places].view(-1, 2))
        return engine.train_step(*batches.load(share), learning_rate)

    return Stepper(take, draws, experiment.training.steps, engine.device)


def dropout_seeds(seed: int, first: int, count: int, layers: int, ranks: Ranks) -> Tensor:
    """The seeds of the dropout layers for `count` steps from `first`, (count, layers) int64; they differ by rank."""
    if not layers:
        return torch.empty(count, 0, dtype=torch.int64)
    steps = range(first, first + count)
    drawn = [seeds(seed, Stream.DROPOUT, step, layers * (ranks.rank + 1)) for step in steps]
    return torch.tensor(drawn)[:, -layers:]  # after those of the ranks before this one


def _capture(stepper: Stepper, engine: Engine, required: bool) -> None:
    """On CUDA, capture the step in a graph. Raises RunError if that is `required` and impossible."""
    graph = GRAPHS.get(engine.device.type)
    if graph and engine.ranks.count == 1:
        capture(stepper, engine, graph(engine.device), required)
    elif required and not graph:
        raise RunError(f"--require-graph: only CUDA devices have graphs, and the device is {engine.device.type}")
    elif required:
        raise RunError("--require-graph: a run of several ranks cannot be captured; train in one process")
    elif graph:
        log.warning("several ranks train eagerly, as their communication cannot be captured in a CUDA graph")


def build_instruments(experiment: Experiment, dataset: Dataset, engine: Engine) -> Instruments:
    """The probes of a run, which measure on its first training images."""
    probes, normalization = experiment.probes, normalization_of(dataset.train, engine.device)
    batches = EvaluationBatches(dataset.train, normalization, engine.device, limit=probes.images)
    return Instruments(probes, experiment.steps_of(probes.every), experiment.training.steps, engine, batches)


def schedule(experiment: Experiment) -> Schedule:
    """The learning-rate schedule of a spec's `training` section."""
    training, warmup = experiment.training, experiment.training.warmup
    return Schedule(
        training.learning_rate,
        training.milestones,
        training.gamma,
        warmup.learning_rate if warmup else None,
        warmup.steps if warmup else None,
        warmup.until_train_error_pct if warmup else None,
    )
