"""A replacement for a CUDA graph that works on the CPU."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from small_runs import CPU, random_dataset
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Experiment
from resnet_repro.training.capture import capture
from resnet_repro.training.loop import Trainer

HOST_READS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "unique_dim", "masked_select"}


class _Recorder(TorchDispatchMode):
    """Records every operation with its arguments and results. A read by the host raises, as in a CUDA capture."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket.__name__ in HOST_READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


class RecordedGraph:
    """Like a CUDA graph, runs the recorded operations again on the same memory, without the step's Python code."""

    def __init__(self) -> None:
        self.recorder = _Recorder()

    def warm_up(self, step: Callable[[], object]) -> None:
        step()

    def capture(self, step: Callable[[], object]) -> None:
        with self.recorder:
            step()

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, results in self.recorder.calls:
            again = func(*args, **kwargs)
            for kept, new in zip(tree_leaves(results), tree_leaves(again), strict=True):
                if isinstance(kept, Tensor) and kept.data_ptr() != new.data_ptr():
                    kept.copy_(new)


def trainers(spec: Experiment) -> tuple[Trainer, Trainer, RecordedGraph]:
    """A trainer that launches its steps, one that replays them, and the graph of the latter."""
    eager, replaying = (build_trainer(spec, random_dataset(), CPU) for _ in range(2))
    graph = RecordedGraph()
    capture(replaying.stepper, replaying.engine, graph, required=True)
    return eager, replaying, graph
