"""The machine's limit: the layers of a net, each timed alone in its forward and backward pass."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from resnet_repro.bench.layer_shapes import LayerShape
from resnet_repro.training.capture import WARMUP_STEPS, CudaGraph
from resnet_repro.training.timing import Contender, Timing, always

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
GRAPH_REPEATS = 20  # passes in one CUDA graph, as launching a pass by itself takes longer than the pass
COPIED_BYTES = 2**28


class Trial(NamedTuple):
    """A layer in one memory format."""

    shape: LayerShape
    memory_format: str


class Limit(NamedTuple):
    """Best times of a net's convolutions and fully-connected layers."""

    step_seconds: float  # of all of them in a step, each in its fastest format
    multiply_adds_per_second: float  # the best rate of any of them


def layer_trials(
    shapes: Counter[LayerShape], batch_size: int, device: torch.device, dtype: torch.dtype, seconds: float
) -> dict[Trial, Contender]:
    """A contender for every shape in every memory format; together they take about `seconds` a round."""
    trials = [Trial(shape, memory_format) for shape in shapes for memory_format in FORMATS]
    passes = {trial: training_pass(trial, batch_size, device, dtype) for trial in trials}
    return {
        trial: always(_Graph(run, device) if device.type == "cuda" else run, seconds / len(trials))
        for trial, run in passes.items()
    }


def limit(shapes: Counter[LayerShape], timings: Mapping[Trial, Timing], batch_size: int, repeats: int) -> Limit:
    """The limit from the timings of `layer_trials`, where a step is `repeats` passes."""
    best = {
        shape: min(timings[Trial(shape, memory_format)].median for memory_format in FORMATS) / repeats
        for shape in shapes
    }
    return Limit(
        sum(best[shape] * number for shape, number in shapes.items()),
        max(shape.training_multiply_adds * batch_size / best[shape] for shape in shapes),
    )


def repeats_on(device: torch.device) -> int:
    """The number of passes in a step of a layer's contender."""
    return GRAPH_REPEATS if device.type == "cuda" else 1


def training_pass(
    trial: Trial, batch_size: int, device: torch.device, dtype: torch.dtype
) -> Callable[[], tuple[torch.Tensor, ...]]:
    """A function that computes output, input gradient if needed, and weight gradient, on random values."""
    shape, memory_format = trial.shape, FORMATS[trial.memory_format]

    def values(*sizes: int) -> torch.Tensor:
        return torch.randn(sizes, device=device).to(dtype).contiguous(memory_format=memory_format)

    x = values(batch_size, shape.w_in, shape.side, shape.side)
    weight = values(shape.w_out, shape.w_in, shape.kernel, shape.kernel)
    gradient = values(batch_size, shape.w_out, shape.side_out, shape.side_out)
    if shape.operation == "fully connected":
        rows, matrix, row_gradients = x.flatten(1), weight.flatten(1), gradient.flatten(1)
        return lambda: (rows @ matrix.T, row_gradients @ matrix, row_gradients.T @ rows)
    geometry = ([shape.stride] * 2, [shape.padding] * 2, [1, 1], False, [0, 0], 1)
    wanted = [shape.input_gradient, True, False]

    def run() -> tuple[torch.Tensor, ...]:
        output = torch.ops.aten.convolution(x, weight, None, *geometry)
        return output, *torch.ops.aten.convolution_backward(gradient, x, weight, None, *geometry, wanted)

    return run


def copy_contender(device: torch.device, seconds: float) -> Contender:
    """A contender that copies COPIED_BYTES, so it reads and writes them once."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return always(lambda: target.copy_(source), seconds)


class _Graph:
    """A CUDA graph of `GRAPH_REPEATS` passes. It keeps the pass, whose memory the graph uses."""

    def __init__(self, run: Callable[[], object], device: torch.device) -> None:
        self.run, self.graph = run, CudaGraph(device)
        for _ in range(WARMUP_STEPS):
            self.graph.warm_up(run)
        self.graph.capture(lambda: [run() for _ in range(GRAPH_REPEATS)])

    def __call__(self) -> None:
        self.graph.replay()
