"""Measures inside a net. To add a probe: a function in `activations.py`, a line in PROBES, a name in the spec.

Probes only read: they use no random numbers and remove their hooks. So they do not change a run's weights.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from resnet_repro.errors import SpecError
from resnet_repro.models.batch_norm import replaced_statistics
from resnet_repro.probes.activations import (
    Point,
    branch_to_shortcut,
    dead_units,
    input_percentiles,
    layer_response,
    read_forward,
)
from resnet_repro.probes.gradients import gradient_norms
from resnet_repro.probes.weight_scale import weight_scale
from resnet_repro.record.rows import MOST_ROWS, ProbeRow
from resnet_repro.spec import ProbesSpec
from resnet_repro.training.engine import Engine
from resnet_repro.training.streams import LAUNCHING

__all__ = ["PROBES", "Instruments", "Point"]

GRADIENT_NORM = "gradient_norm"  # read from the gradients of the last training step, without a forward pass
WEIGHT_SCALE = "weight_scale"  # needs forward and backward passes of its own
PROBES: dict[str, Callable[[nn.Module, ProbesSpec], list[Point]]] = {
    "layer_response": layer_response,
    "input_percentiles": input_percentiles,
    "dead_units": dead_units,
    "branch_to_shortcut": branch_to_shortcut,
}


class Instruments:
    """The probes of one run, on its net. Raises SpecError if the net lacks a layer, or if there are too many rows.

    They measure on the images (B, 3, 32, 32) and labels of all `batches`, as one batch. BN uses the statistics of this
    batch: the population statistics lag behind a net that learns fast, and would give values that occur in no training
    step.
    """

    def __init__(self, probes: ProbesSpec, every: int, last_step: int, engine: Engine,
                 batches: Iterable[tuple[Tensor, Tensor]]) -> None:  # fmt: skip
        self.gradients = GRADIENT_NORM in probes.measure
        self.scale = WEIGHT_SCALE in probes.measure
        self.points: dict[str, list[Point]] = {
            name: find(engine.net, probes) for name, find in PROBES.items() if name in probes.measure
        }
        self.every, self.last_step = every, last_step
        self.engine = engine
        self.images, self.labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        # One image, to find a missing map before training starts.
        read = list(read_forward(self.points, lambda: engine.evaluate(self.images[:1], self.labels[:1])))
        layers = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in engine.net.modules())
        self._check_number(len(read) + layers * (self.gradients + self.scale))

    def _check_number(self, values: int) -> None:
        """Raise SpecError if there are more rows, of so many values a time, than a run may have."""
        if (rows := values * (2 + self.last_step // self.every)) > MOST_ROWS:
            raise SpecError(
                f"probes.every: {self.every} makes {rows:,} rows in {self.last_step:,} steps, and only {MOST_ROWS:,} "
                f"can be read; measure every {self.every * -(-rows // MOST_ROWS)} steps, or fewer things"
            )

    def due(self, step: int) -> bool:
        """Whether to measure after `step` iterations."""
        return step > 0 and (step in (1, self.last_step) or step % self.every == 0)

    def measure(self, step: int) -> Iterator[ProbeRow]:
        """Measure right after training step `step`. Values that are not finite (divergence) are left out."""
        found = [(GRADIENT_NORM, *value) for value in gradient_norms(self.engine.net)] if self.gradients else []
        with LAUNCHING, replaced_statistics(self.engine.net, by=lambda statistic: None):
            if self.points:
                found += read_forward(self.points, lambda: self.engine.evaluate(self.images, self.labels))
            if self.scale:
                self.engine.net.eval()
                found += [(WEIGHT_SCALE, *value) for value in weight_scale(self.engine.net, self.images, self.labels)]
        yield from (ProbeRow(step, *value) for value in found if math.isfinite(value[-1]))
