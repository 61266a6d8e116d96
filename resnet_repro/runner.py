"""The only wiring: spec -> data -> net -> training -> record."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from resnet_repro.data import DATASETS, Dataset, hold_out
from resnet_repro.data.batches import EvaluationBatches, Normalization, TrainingBatches
from resnet_repro.environment import describe_environment
from resnet_repro.errors import RunError
from resnet_repro.files import replacing
from resnet_repro.metrics import Row
from resnet_repro.models.layers import Dropout
from resnet_repro.models.network import Network, build
from resnet_repro.probes import Instruments
from resnet_repro.randomness import Stream, generator, seeds
from resnet_repro.record import RunFolder, Status
from resnet_repro.spec import DataSpec, Experiment, ModelSpec
from resnet_repro.training.capture import GRAPHS, captured
from resnet_repro.training.checkpoint import Checkpoints
from resnet_repro.training.device import resolve_precision
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.engine import Engine, Outcome
from resnet_repro.training.loop import Trainer
from resnet_repro.training.schedule import Schedule

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60.0  # how much work a killed run may lose, unless a session says otherwise


class Watcher:
    """Told how a run goes. The default keeps quiet."""

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        """Around the training, however it ends."""
        yield

    def stepped(self, trainer: Trainer) -> None: ...
    def recorded(self, row: Row) -> None: ...
    def ended(self, status: Status, trainer: Trainer) -> None: ...


@dataclass
class Session:
    """What several runs share: where things lie, the device, and the data, which is loaded once."""

    results: Path
    data_dir: Path
    device: torch.device
    compiled: bool = False  # torch.compile works on the units of the nets
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    ranks: Ranks = ALONE
    _loaded: tuple[DataSpec, Dataset] | None = None

    def dataset(self, data: DataSpec) -> Dataset:
        """The spec's data set; the last one is kept in memory."""
        if self._loaded is None or self._loaded[0] != data:
            load = DATASETS[data.dataset]
            dataset = load(self.data_dir, data.train_images, data.test_images)
            self._loaded = data, hold_out(dataset, data.validation_images)
        return self._loaded[1]


def build_net(experiment: Experiment) -> Network:
    """The experiment's net on the CPU, with the weights its seed starts from."""
    return build(experiment.model, generator(experiment.seed, Stream.INITIALIZATION))


def train_run(experiment: Experiment, session: Session, watcher: Watcher, restart: bool = False) -> Status:
    """Train one run to its end, or go on with it, and record it. A signal stops it between two steps.

    `restart` discards what there is of the run, once everything else is known to be in order. Of several ranks, the
    first alone has to do with the folder.
    """
    ranks, folder = session.ranks, RunFolder(session.results, experiment)
    dataset = ranks.each(lambda: session.dataset(experiment.data))
    data = {"name": dataset.name, "exact": dataset.exact, "digest": dataset.digest}
    origin = {"spec": experiment.model_dump(mode="json"), "data": data}
    checkpoints = Checkpoints(folder.checkpoint, folder.previous_checkpoint)

    def save_checkpoint() -> None:
        folder.check_held()
        checkpoints.save(trainer, origin, folder.recorded())

    with ExitStack() as holding, stop_signals() as stopped:
        ranks.first(lambda: holding.enter_context(folder.held()))
        trainer = ranks.each(lambda: build_trainer(experiment, dataset, session.device, session.compiled, ranks))
        engine = trainer.engine
        measuring = bool(experiment.probes.measure) and ranks.is_first
        instruments = ranks.each(lambda: build_instruments(experiment, dataset, engine) if measuring else None)
        if restart:
            ranks.first(folder.discard)
        if (state := ranks.first(folder.state)) in ("finished", "diverged"):
            log.warning("%s: has %s meanwhile, in another process", experiment.label, state)
            return state
        recorded = checkpoints.load(trainer, origin, ranks) if ranks.first(lambda: checkpoints.exist) else None
        environment = describe_environment(session.device, engine.precision, engine.name, data, ranks.count)
        ranks.first(lambda: folder.begin(environment, recorded))
        with watcher.watching(experiment, trainer):
            saved = trainer.elapsed_seconds
            for row in trainer.run():
                if row and ranks.is_first:
                    folder.append(row)
                    watcher.recorded(row)
                if instruments and instruments.due(trainer.step) and trainer.diverged_at is None:
                    folder.append_probes(instruments.measure(trainer.step))
                watcher.stepped(trainer)
                late = ranks.is_first and trainer.elapsed_seconds - saved > session.checkpoint_seconds
                stop, save = ranks.any(stopped(), late)
                if stop:
                    break
                if save:
                    ranks.first(save_checkpoint)
                    saved = trainer.elapsed_seconds
        status = ranks.first(lambda: _close(folder, trainer, checkpoints, origin))
        watcher.ended(status, trainer)
    return status


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


def signals_that_stop() -> list[signal.Signals]:
    """Ctrl-C, a scheduler's wish, and a terminal that closes, unless nohup has that ignored."""
    hangup = getattr(signal, "SIGHUP", None)  # which Windows lacks
    hung_up = [hangup] if hangup and signal.getsignal(hangup) != signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hung_up]


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn what should stop a run into a flag that is read between two steps; a later second one acts at once.

    Within a second it counts as the same wish: what starts this program may pass on a Ctrl-C that it also got itself.
    """
    received: list[float] = []

    def note(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if received and now - received[0] > 1:
            raise KeyboardInterrupt
        received.append(now)

    before = {number: signal.signal(number, note) for number in signals_that_stop()}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _close(folder: RunFolder, trainer: Trainer, checkpoints: Checkpoints, origin: dict[str, Any]) -> Status:
    """Keep what the run came to: weights at its end, a checkpoint where it stopped, and the summary, last of all."""
    folder.check_held()
    net = trainer.engine.net
    status: Status = "diverged" if trainer.diverged_at else "finished" if trainer.finished else "interrupted"
    if status == "diverged":
        folder.forget_probes_after(trainer.step)
    if status == "interrupted":
        checkpoints.save(trainer, origin, folder.recorded())
    if status == "finished":
        with replacing(folder.weights) as file:
            file.write(save({name: tensor.contiguous() for name, tensor in net.state_dict().items()}))
    parameters = sum(parameter.numel() for parameter in net.parameters())
    folder.close(status, trainer.diverged_at or trainer.step, parameters, origin["data"], trainer.elapsed_seconds)
    if status != "interrupted":
        checkpoints.delete()
    return status
