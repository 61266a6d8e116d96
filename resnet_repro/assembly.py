"""A run put together from its spec: net, batches, engine, schedule and probes, ready for the first step."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resnet_repro.data import Dataset
from resnet_repro.data.batches import EvaluationBatches, Normalization, TrainingBatches
from resnet_repro.errors import RunError
from resnet_repro.models.layers import Dropout
from resnet_repro.models.network import Network, build
from resnet_repro.probes import Instruments
from resnet_repro.randomness import Stream, generator, seeds
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.training.capture import GRAPHS, captured
from resnet_repro.training.device import resolve_precision
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.engine import Engine, Outcome
from resnet_repro.training.loop import Trainer
from resnet_repro.training.schedule import Schedule

log = logging.getLogger(__name__)


def build_net(experiment: Experiment) -> Network:
    """The experiment's net on the CPU, with the weights its seed starts from."""
    return build(experiment.model, generator(experiment.seed, Stream.INITIALIZATION))


def build_trainer(
    experiment: Experiment, dataset: Dataset, device: torch.device, compiled: bool = False, ranks: Ranks = ALONE
) -> Trainer:
    """Net, batches and engine of one run, ready for its first step. `compiled` has torch.compile work on its units.

    Raises RunError if the ranks cannot share the mini-batches of the spec.
    """
    training, data = experiment.training, experiment.data
    net = build_net(experiment.model_copy(update={"model": _share_of_rank(experiment, ranks)}))
    if training.recompute:
        net.recompute()
    if compiled:
        net.compile_units()
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
    normalization = Normalization(dataset.train, device)
    batches = TrainingBatches(
        dataset.train, normalization, training.batch_size, experiment.seed, data.augmentation, device
    )
    share = {"start": ranks.rank, "every": ranks.count}
    return Trainer(
        engine=engine,
        train_step=_train_step(engine, batches, compiled),
        batches=batches,
        train_images=data.epoch_images,
        clean=EvaluationBatches(dataset.train, normalization, device, limit=training.clean_images, **share),
        test=EvaluationBatches(dataset.test, normalization, device, **share),
        schedule=schedule(experiment),
        steps=training.steps,
        record_every=experiment.steps_of(training.record_every),
        evaluate_every=experiment.steps_of(training.evaluate_every),
        before_step=_dropout_seeder(net, experiment.seed, ranks),
    )


def _share_of_rank(experiment: Experiment, ranks: Ranks) -> ModelSpec:
    """The net of one rank: of the parts that BN sees in a mini-batch, it has those of its share."""
    model, batch_size, count = experiment.model, experiment.training.batch_size, ranks.count
    if batch_size % count:
        raise RunError(f"training.batch_size: {batch_size} cannot be shared equally by {count} ranks")
    splits = model.batch_norm_splits
    if splits > 1 and splits % count:
        raise RunError(
            f"model.batch_norm_splits: {splits} cannot be shared equally by {count} ranks; 1 is one for each"
        )
    if count > splits == 1 and model.normalization == "batch" and not model.batch_norm_sync:
        log.warning(
            "BN takes the statistics of each rank's %d images, as in the paper; "
            "model.batch_norm_sync: true takes those of all %d",
            batch_size // count,
            batch_size,
        )
    return model.model_copy(update={"batch_norm_splits": max(1, splits // count)})


def _train_step(engine: Engine, batches: TrainingBatches, compiled: bool) -> Callable[[Tensor, float], Outcome]:
    """One step from draw to update: on CUDA replayed from a graph, elsewhere launched operation by operation."""

    def step(draw: Tensor, learning_rate: float | Tensor) -> Outcome:
        return engine.train_step(*batches.load(engine.ranks.share(draw)), learning_rate)

    train_step: Callable[[Tensor, float], Outcome] = step
    if graph := GRAPHS.get(engine.device.type):
        if engine.ranks.count > 1:
            log.warning("what several ranks tell each other is not captured in a CUDA graph: trains eagerly")
        elif any(isinstance(module, Dropout) for module in engine.net.modules()):
            log.warning("dropout draws anew on the host for each step, which a CUDA graph cannot hold: trains eagerly")
        else:
            train_step = captured(step, engine, batches.draw(0), graph(engine.device))
    if compiled:
        engine.name += ", compiled units"
    return train_step


def _dropout_seeder(net: nn.Module, seed: int, ranks: Ranks) -> Callable[[int], None]:
    """Gives every dropout layer its random numbers for a step; each rank has others."""
    dropouts = [module for module in net.modules() if isinstance(module, Dropout)]

    def reseed(step: int) -> None:
        drawn = seeds(seed, Stream.DROPOUT, step, len(dropouts) * (ranks.rank + 1))  # the first rank's come first
        for dropout, own in zip(dropouts, drawn[-len(dropouts) :], strict=True):
            dropout.seed = own

    return reseed if dropouts else lambda step: None


def build_instruments(experiment: Experiment, dataset: Dataset, engine: Engine) -> Instruments:
    """The probes of a run, which look at its first training images."""
    probes, normalization = experiment.probes, Normalization(dataset.train, engine.device)
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
