"""The experiment and its sections, one file each; `file.py` reads them from YAML."""

from resnet_repro.spec.data import DataSpec
from resnet_repro.spec.experiment import Experiment
from resnet_repro.spec.model import ModelSpec
from resnet_repro.spec.probes import ProbesSpec
from resnet_repro.spec.start import StartSpec
from resnet_repro.spec.training import PAPER_STEPS, TrainingSpec, Warmup, default_milestones

__all__ = [
    "PAPER_STEPS",
    "DataSpec",
    "Experiment",
    "ModelSpec",
    "ProbesSpec",
    "StartSpec",
    "TrainingSpec",
    "Warmup",
    "default_milestones",
]
