"""Measures the speed of training: beside a usual script, beside the machine's limit, and for growing nets."""

from resnet_repro.bench.measurement import measure
from resnet_repro.bench.scaling import measure_scaling
from resnet_repro.bench.specs import default_experiments, fig6_experiments

__all__ = ["default_experiments", "fig6_experiments", "measure", "measure_scaling"]
