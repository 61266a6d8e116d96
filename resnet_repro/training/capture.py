"""A training step captured once in a CUDA graph and replayed: the whole step for the price of one launch."""

import copy
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from resnet_repro.training.engine import Engine, Outcome

WARMUP_STEPS = 3  # before the capture: cuDNN chooses its algorithms, lazy memory is allocated

# From what was drawn for a mini-batch, (B, 4), and the learning rate.
StepFunction = Callable[[Tensor, float | Tensor], Outcome]

T = TypeVar("T")
log = logging.getLogger(__name__)


class Graph(Protocol):
    """What can record the operations of a step, and run them again on the same memory."""

    def warm_up(self, step: Callable[[], object]) -> None: ...
    def capture(self, step: Callable[[], T]) -> T: ...
    def replay(self) -> None: ...


class CudaGraph:
    """torch.cuda.CUDAGraph on one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.graph = torch.cuda.CUDAGraph()

    def warm_up(self, step: Callable[[], object]) -> None:
        """Run the step on a stream of its own, so that the capture does not meet work of another."""
        main, side = torch.cuda.current_stream(self.device), torch.cuda.Stream(self.device)
        side.wait_stream(main)
        with torch.cuda.device(self.device), torch.cuda.stream(side):
            step()
        main.wait_stream(side)

    def capture(self, step: Callable[[], T]) -> T:
        with torch.cuda.device(self.device), torch.cuda.graph(self.graph):
            return step()

    def replay(self) -> None:
        with torch.cuda.device(self.device):
            self.graph.replay()


GRAPHS: dict[str, Callable[[torch.device], Graph]] = {"cuda": CudaGraph}  # by kind of device


class CapturedStep:
    """Calls of `step`, replayed from a graph.

    The host writes the draw, and the learning rate when it changes, into memory that the graph reads; loss and errors
    stay on the device, in memory that the next call overwrites. Capturing leaves the engine as it was.
    """

    def __init__(self, step: StepFunction, engine: Engine, draw: Tensor, graph: Graph) -> None:
        self.draw = draw.clone()
        self.learning_rate = torch.zeros((), device=draw.device)
        self.rate_there = 0.0
        self.graph = graph
        before = copy.deepcopy(engine.state())
        try:
            for _ in range(WARMUP_STEPS):
                graph.warm_up(lambda: step(self.draw, self.learning_rate))
            self.outcome = graph.capture(lambda: step(self.draw, self.learning_rate))
        finally:
            engine.restore(before)

    def __call__(self, draw: Tensor, learning_rate: float) -> Outcome:
        self.draw.copy_(draw)
        if learning_rate != self.rate_there:
            self.learning_rate.fill_(learning_rate)
            self.rate_there = learning_rate
        self.graph.replay()
        return self.outcome


def captured(step: StepFunction, engine: Engine, draw: Tensor, graph: Graph) -> Callable[[Tensor, float], Outcome]:
    """`step` as a graph or, said so, `step` itself if it cannot be captured. `draw` is any mini-batch's."""
    try:
        replayed = CapturedStep(step, engine, draw, graph)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        log.warning("the training step could not be captured in a CUDA graph and is launched eagerly: %s", reason)
        return step
    engine.name = "cuda graph"
    return replayed
