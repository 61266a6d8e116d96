"""Builds, trains and records one run, which can be stopped and resumed at any step."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from safetensors.torch import save

from resnet_repro.data import Dataset
from resnet_repro.files import replacing
from resnet_repro.record.folder import RunFolder, Status
from resnet_repro.record.rows import Row
from resnet_repro.runner.assembly import build_instruments, build_trainer
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.environment import describe_environment
from resnet_repro.runner.imported import run_files
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.signals import stop_signals
from resnet_repro.runner.start import grown_start
from resnet_repro.spec import Experiment
from resnet_repro.training.checkpoint import Checkpoints
from resnet_repro.training.device import make_deterministic, resolve_device
from resnet_repro.training.engine import Engine
from resnet_repro.training.loop import Trainer

log = logging.getLogger(__name__)


class Watcher:
    """Callbacks that show how a run is doing. These ones show nothing."""

    @contextmanager
    def watching(self, experiment: Experiment, trainer: Trainer) -> Iterator[None]:
        """Encloses the training, also when that ends in an exception."""
        yield

    def stepped(self, trainer: Trainer) -> None: ...
    def recorded(self, row: Row) -> None: ...
    def ended(self, status: Status, trainer: Trainer) -> None: ...


def train_run(
    experiment: Experiment,
    options: TrainOptions,
    watcher: Watcher,
    datasets: Datasets | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Status:
    """Train one run to its end, or resume it, and record it. Only the first rank touches the run folder.

    Between two steps the run asks `stopped` whether it should stop, resumably. By default it stops at a signal and at
    the deadline of the options; a thread must be given `stopped`, as only the main thread can handle signals.
    `datasets` lets several runs share their data. `options.restart` discards an earlier run only when the data, the
    net, the probes and the start of the new one are ready. Raises RunError, SpecError or DataError.
    """
    run_files(options.imported)
    if options.deterministic:
        make_deterministic()
    ranks, folder, device = options.ranks, RunFolder(options.results, experiment), resolve_device(options.device)
    dataset = ranks.each(lambda: (datasets or Datasets(options.data_dir)).load(experiment.data))
    data = dataset.identity
    origin = {"spec": experiment.model_dump(mode="json"), "data": data}
    checkpoints = Checkpoints(folder.checkpoint, folder.previous_checkpoint)

    def save_checkpoint() -> None:
        folder.check_held()
        checkpoints.save(trainer, origin, folder.recorded())

    with ExitStack() as holding, nullcontext(stopped) if stopped else stop_signals(options.deadline) as should_stop:
        ranks.first(lambda: holding.enter_context(folder.held()))
        trainer = ranks.each(
            lambda: build_trainer(experiment, dataset, device, options.compiled, ranks, options.require_graph)
        )
        engine = trainer.engine
        measuring = bool(experiment.probes.measure) and ranks.is_first
        instruments = ranks.each(lambda: build_instruments(experiment, dataset, engine) if measuring else None)
        if (status := ranks.first(lambda: folder.status(options.restart))) in ("finished", "diverged"):
            log.warning("%s: has %s meanwhile, in another process", experiment.label, status)
            return status
        resumes = ranks.first(lambda: folder.has_checkpoint and not options.restart)
        start = {} if resumes else _start(experiment, options, dataset, engine)
        if options.restart:
            ranks.first(folder.discard)
        recorded = checkpoints.load(trainer, origin, ranks) if resumes else None
        environment = (
            describe_environment(
                device, engine.precision, engine.name, data, ranks.count, engine.kernels, options.command
            )
            | start
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
                late = ranks.is_first and trainer.elapsed_seconds - saved > options.checkpoint_seconds
                stop, save = ranks.any(should_stop(), late)
                if stop:
                    break
                if save:
                    ranks.first(save_checkpoint)
                    saved = trainer.elapsed_seconds
        ended = ranks.first(lambda: _close(folder, trainer, checkpoints, origin))
        watcher.ended(ended, trainer)
    return ended


def _start(experiment: Experiment, options: TrainOptions, dataset: Dataset, engine: Engine) -> dict[str, Any]:
    """Give the net of every rank the weights that the spec starts from. Returns what environment.json records of it."""
    if not experiment.start:
        return {}
    start = options.ranks.first(lambda: grown_start(experiment, options.results, dataset))
    engine.net.load_state_dict(start.weights)
    return {"start": start.origin}


def _close(folder: RunFolder, trainer: Trainer, checkpoints: Checkpoints, origin: dict[str, Any]) -> Status:
    """Write the final weights of a finished run or the checkpoint of an interrupted one, and the summary last."""
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
    folder.close(
        status, trainer.diverged_at or trainer.step, parameters, origin["data"], trainer.elapsed_seconds,
        trainer.last_epoch() if status == "finished" else None,
    )  # fmt: skip
    if status != "interrupted":
        checkpoints.delete()
    return status
