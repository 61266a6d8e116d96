"""One run from its spec to its folder: assembled, trained, recorded, and stopped or gone on with at any step."""

import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from safetensors.torch import save

from resnet_repro.data import DATASETS, Dataset, hold_out
from resnet_repro.files import replacing
from resnet_repro.record.folder import RunFolder, Status
from resnet_repro.record.rows import Row
from resnet_repro.runner.assembly import build_instruments, build_trainer
from resnet_repro.runner.environment import describe_environment
from resnet_repro.runner.signals import stop_signals
from resnet_repro.spec import DataSpec, Experiment
from resnet_repro.training.checkpoint import Checkpoints
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.loop import Trainer

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
    """What several runs share, one after another or in threads side by side: where things lie, the device, the data."""

    results: Path
    data_dir: Path
    device: torch.device
    compiled: bool = False  # torch.compile works on the units of the nets
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    ranks: Ranks = ALONE
    deadline: float = math.inf  # of time.monotonic(): runs then stop, resumably
    require_graph: bool = False  # a training step that cannot be captured in a CUDA graph is an error
    stopped: Callable[[], bool] | None = None  # asked between two steps; None: each run listens for signals itself
    _loaded: WeakValueDictionary[tuple[object, ...], Dataset] = field(default_factory=WeakValueDictionary, init=False)
    _newest: Dataset | None = field(default=None, init=False)
    _loading: threading.Lock = field(default_factory=threading.Lock, init=False)

    def dataset(self, data: DataSpec) -> Dataset:
        """The spec's data set, loaded once: the newest, and those that runs hold, are kept in memory."""
        key = data.dataset, data.train_images, data.test_images, data.validation_images
        with self._loading:
            if (dataset := self._loaded.get(key)) is None:
                whole = DATASETS[data.dataset](self.data_dir, data.train_images, data.test_images)
                dataset = self._loaded[key] = hold_out(whole, data.validation_images)
            self._newest = dataset
            return dataset

    def stopping(self) -> AbstractContextManager[Callable[[], bool]]:
        """For as long as a run trains: tells whether it should stop. Only the main thread can listen for signals."""
        return nullcontext(self.stopped) if self.stopped else stop_signals(self.deadline)


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

    with ExitStack() as holding, session.stopping() as stopped:
        ranks.first(lambda: holding.enter_context(folder.held()))
        trainer = ranks.each(
            lambda: build_trainer(experiment, dataset, session.device, session.compiled, ranks, session.require_graph)
        )
        engine = trainer.engine
        measuring = bool(experiment.probes.measure) and ranks.is_first
        instruments = ranks.each(lambda: build_instruments(experiment, dataset, engine) if measuring else None)
        if restart:
            ranks.first(folder.discard)
        if (state := ranks.first(folder.state)) in ("finished", "diverged"):
            log.warning("%s: has %s meanwhile, in another process", experiment.label, state)
            return state
        recorded = checkpoints.load(trainer, origin, ranks) if ranks.first(lambda: folder.has_checkpoint) else None
        environment = describe_environment(
            session.device, engine.precision, engine.name, data, ranks.count, engine.kernels
        )
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
