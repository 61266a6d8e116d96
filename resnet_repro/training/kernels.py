"""Chooses the kernels that compute BN in training: torch's, or the fused ones if they are faster on this device."""

import copy
import logging
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch

from resnet_repro.errors import summary_of
from resnet_repro.training.capture import GRAPHS, Graph
from resnet_repro.training.device import is_lost
from resnet_repro.training.engine import Engine, Kernels

ROUNDS, STEPS = 4, 10  # rounds in which both kinds take turns, and the steps of a turn
LEARNING_RATE = 0.01  # in the trial
TOLERANCE = 0.02  # relative, between the losses of both kinds, which differ only by rounding

log = logging.getLogger(__name__)


def choose_kernels(engine: Engine, fuse: Callable[[bool], bool], batch_size: int) -> Kernels:
    """The faster kind of kernels, by a trial of a few dozen captured steps of each. The engine's state is unchanged.

    `fuse` switches the fused kernels of the engine's net on or off, and returns whether the net has a layer for them;
    the caller must set it afterwards. The answer is "torch" without CUDA or Triton, for several ranks, if a step cannot
    be captured, and if the losses differ. It is "torch" with deterministic algorithms too, as the choice may differ
    between processes. The trial needs as much memory as two runs.
    """
    new_graph = GRAPHS.get(engine.device.type)
    if new_graph is None or engine.ranks.count > 1 or find_spec("triton") is None:
        return "torch"
    if torch.are_deterministic_algorithms_enabled():
        return "torch"
    if not fuse(True):
        log.info("no BN of this net has fused kernels: ghost BN and synchronised BN have none")
        return "torch"
    before = copy.deepcopy(engine.state())
    try:
        fused = _Trial(engine, before, batch_size, new_graph(engine.device))
        fuse(False)
        kernels = _better(_Trial(engine, before, batch_size, new_graph(engine.device)), fused)
    except Exception as error:  # whatever it is, torch's kernels can train, if anything can
        if is_lost(engine.device):
            raise
        log.warning("the fused kernels are not used, as their trial failed: %s", summary_of(error))
        kernels = "torch"
    engine.restore(before)
    return kernels


class _Trial:
    """A captured training step on random images, and the losses of the first two steps from the state `start`."""

    def __init__(self, engine: Engine, start: dict[str, Any], batch_size: int, graph: Graph) -> None:
        random = torch.Generator().manual_seed(0)
        images = torch.randn(batch_size, 3, 32, 32, generator=random).to(memory_format=torch.channels_last)
        labels = torch.randint(0, 10, (batch_size,), generator=random)
        images, labels = images.to(engine.device), labels.to(engine.device)
        self.loss = loss = torch.zeros((), device=engine.device)
        self.graph = graph

        def step() -> None:
            loss.copy_(engine.train_step(images, labels, LEARNING_RATE).loss)

        graph.warm_up(step)
        graph.capture(step)
        engine.restore(start)
        self.losses = [self._replayed(1), self._replayed(1)]

    def seconds(self) -> float:
        began = time.perf_counter()
        self._replayed(STEPS)
        return time.perf_counter() - began

    def _replayed(self, steps: int) -> float:
        """Replay so many steps, wait for them, and return the last loss."""
        for _ in range(steps):
            self.graph.replay()
        return self.loss.item()


def _better(usual: _Trial, fused: _Trial) -> Kernels:
    if not all(abs(a - b) <= TOLERANCE * abs(b) for a, b in zip(fused.losses, usual.losses, strict=True)):  # or NaN
        log.warning("the fused kernels are not used, as their losses differ: %s, not %s", fused.losses, usual.losses)
        return "torch"
    seconds = [(usual.seconds(), fused.seconds()) for _ in range(ROUNDS)]
    of_usual, of_fused = (1e3 * min(times) / STEPS for times in zip(*seconds, strict=True))
    log.info("a training step takes %.3f ms, with fused kernels %.3f ms", of_usual, of_fused)
    return "fused" if of_fused < of_usual else "torch"
