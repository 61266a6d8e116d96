"""Captures a training step in a CUDA graph and replays it, so that a whole step costs one launch."""

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import torch

from resnet_repro.errors import RunError
from resnet_repro.training.device import is_lost, tuned_convolutions
from resnet_repro.training.engine import Engine
from resnet_repro.training.stepping import Stepper
from resnet_repro.training.streams import LAUNCHING, capture_stream

WARMUP_STEPS = 3  # before the capture, for cuDNN to choose its algorithms and for lazy allocations

log = logging.getLogger(__name__)


class Graph(Protocol):
    """Records the operations of a step, and runs them again on the same memory."""

    def warm_up(self, step: Callable[[], object]) -> None: ...
    def capture(self, step: Callable[[], object]) -> None: ...
    def replay(self) -> None: ...


class CudaGraph:
    """torch.cuda.CUDAGraph on one device, with memory of its own.

    Warm-up and capture run on one stream, as torch reuses freed memory only within a stream. A graph's kernels keep its
    priority. A replay runs on the caller's current stream. The graph keeps the step: a replay reads the memory of the
    step's tensors, which would be given to others once the step is gone.
    """

    step: Callable[[], object] | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.graph = torch.cuda.CUDAGraph()
        self.stream = capture_stream(device)

    def warm_up(self, step: Callable[[], object]) -> None:
        with self._alone():
            step()

    def capture(self, step: Callable[[], object]) -> None:
        """Other threads may replay their graphs, and do other work, meanwhile."""
        with self._alone(), torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            step()
        self.step = step

    def replay(self) -> None:
        with torch.cuda.device(self.device):
            self.graph.replay()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Work on the graph's stream, between the caller's earlier and later work, even if a capture fails."""
        with LAUNCHING, tuned_convolutions(), torch.cuda.device(self.device):
            caller = torch.cuda.current_stream()
            self.stream.wait_stream(caller)
            try:
                with torch.cuda.stream(self.stream):
                    yield
            finally:
                caller.wait_stream(self.stream)


GRAPHS: dict[str, Callable[[torch.device], Graph]] = {"cuda": CudaGraph}  # by kind of device


class CapturedStep:
    """A stepper's step, replayed from a graph.

    The graph reads the learning rate from memory, which the host writes when the rate changes. Capturing does not
    change the engine's state. Raises RuntimeError if the step cannot be captured.
    """

    def __init__(self, stepper: Stepper, engine: Engine, graph: Graph) -> None:
        self.learning_rate = torch.zeros((), device=engine.device)
        self.written_rate = 0.0
        self.graph = graph
        before = copy.deepcopy(engine.state())
        try:
            step = partial(stepper.take_next, self.learning_rate)
            for _ in range(WARMUP_STEPS):
                graph.warm_up(step)
            graph.capture(step)
        finally:
            engine.restore(before)
            stepper.history.zero_()

    def __call__(self, learning_rate: float) -> None:
        if learning_rate != self.written_rate:
            self.learning_rate.fill_(learning_rate)
            self.written_rate = learning_rate
        self.graph.replay()


def capture(stepper: Stepper, engine: Engine, graph: Graph, required: bool = False) -> None:
    """Capture the stepper's step in `graph`, and replay it from now on.

    If this fails, log why and leave the step eager, or raise RunError if the graph is `required` or the GPU is lost.
    """
    try:
        stepper.launch = CapturedStep(stepper, engine, graph)
    except RuntimeError as error:
        failure = f"the training step could not be captured in a CUDA graph: {_causes(error)}"
        if is_lost(engine.device):
            raise RunError(f"{failure}; the GPU cannot be used any more") from None
        if required:
            raise RunError(f"--require-graph: {failure}") from None
        log.warning("%s; it is launched eagerly, which is slower", failure)
    else:
        engine.name = "cuda graph"


def _causes(error: BaseException) -> str:
    """The messages of a chain of errors, the first failure first: ending a failed capture raises another error."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause:
        lines.append((str(cause).strip().splitlines() or [type(cause).__name__])[0])
        cause = cause.__cause__ or cause.__context__
    return ", then: ".join(dict.fromkeys(reversed(lines)))
