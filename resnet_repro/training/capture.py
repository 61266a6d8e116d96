"""Training steps captured once in a CUDA graph and replayed: a whole step for the price of one launch."""

import copy
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch

from resnet_repro.errors import RunError
from resnet_repro.training.device import tuned_convolutions
from resnet_repro.training.engine import Engine
from resnet_repro.training.stepping import Stepper

WARMUP_STEPS = 3  # before the capture: cuDNN chooses its algorithms, lazy memory is allocated

CAPTURING = threading.Lock()  # held by the one thread of this process that warms up or captures
log = logging.getLogger(__name__)


class Graph(Protocol):
    """What can record the operations of a step, and run them again on the same memory."""

    def warm_up(self, step: Callable[[], object]) -> None: ...
    def capture(self, step: Callable[[], object]) -> None: ...
    def replay(self) -> None: ...


class CudaGraph:
    """torch.cuda.CUDAGraph on one device, with memory of its own.

    Warm-up and capture run on a side stream. It is the same one for all of them, as torch keeps the freed memory of
    each stream for that stream, and has the priority of the caller's, which the kernels of a graph keep. A replay runs
    on the caller's current stream.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.graph = torch.cuda.CUDAGraph()
        self.stream = torch.cuda.Stream(device, priority=torch.cuda.current_stream(device).priority)

    def warm_up(self, step: Callable[[], object]) -> None:
        with self._alone():
            step()

    def capture(self, step: Callable[[], object]) -> None:
        """Other threads may go on with replays, and with whatever else they do, meanwhile."""
        with self._alone(), torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            step()

    def replay(self) -> None:
        with torch.cuda.device(self.device):
            self.graph.replay()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """On the side stream, between the caller's work before and after; left again even if a capture fails."""
        with CAPTURING, tuned_convolutions(), torch.cuda.device(self.device):
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

    The host writes the learning rate, when it changes, into memory that the graph reads. Capturing leaves the engine
    as it was. Raises RuntimeError if the step cannot be captured.
    """

    def __init__(self, stepper: Stepper, engine: Engine, graph: Graph) -> None:
        self.learning_rate = torch.zeros((), device=engine.device)
        self.rate_there = 0.0
        self.graph = graph
        before = copy.deepcopy(engine.state())
        try:
            for _ in range(WARMUP_STEPS):
                graph.warm_up(lambda: stepper.take_next(self.learning_rate))
            graph.capture(lambda: stepper.take_next(self.learning_rate))
        finally:
            engine.restore(before)
            stepper.history.zero_()

    def __call__(self, learning_rate: float) -> None:
        if learning_rate != self.rate_there:
            self.learning_rate.fill_(learning_rate)
            self.rate_there = learning_rate
        self.graph.replay()


def capture(stepper: Stepper, engine: Engine, graph: Graph, required: bool = False) -> None:
    """Have `stepper` replay its step from `graph` from now on.

    If the step cannot be captured, it stays eager and a warning says why; if it is `required`, RunError says so.
    """
    try:
        stepper.launch = CapturedStep(stepper, engine, graph)
    except RuntimeError as error:
        failure = f"the training step could not be captured in a CUDA graph: {_causes(error)}"
        if required:
            raise RunError(f"--require-graph: {failure}") from None
        log.warning("%s; it is launched eagerly, which is slower", failure)
    else:
        engine.name = "cuda graph"


def _causes(error: BaseException) -> str:
    """What failed, from the first failure to the last: ending a failed capture is an error too, and hides the cause."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause:
        lines.append((str(cause).strip().splitlines() or [type(cause).__name__])[0])
        cause = cause.__cause__ or cause.__context__
    return ", then: ".join(dict.fromkeys(reversed(lines)))
