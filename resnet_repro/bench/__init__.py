"""How fast training is: beside a usual script, beside what the machine could do, and as nets grow."""

from resnet_repro.bench.measurement import measure
from resnet_repro.bench.scaling import measure_scaling
from resnet_repro.bench.specs import default_experiments, fig6_experiments

__all__ = ["default_experiments", "fig6_experiments", "measure", "measure_scaling"]
