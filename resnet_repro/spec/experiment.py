"""The experiment: a frozen, strict description of one run, whose defaults are the paper's recipe.

Every default comes from [R] He et al. 2015, "Deep Residual Learning", section 4.2, unless the field's description
names another source. `file.py` reads YAML into it.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from resnet_repro.spec.data import DataSpec
from resnet_repro.spec.model import ModelSpec
from resnet_repro.spec.probes import ProbesSpec
from resnet_repro.spec.section import Section
from resnet_repro.spec.training import TrainingSpec

LONGEST_NAME = 120  # characters
LARGEST_SEED = 2**32 - 1
NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class Experiment(Section):
    """One run. The same experiment and seed give the same result on the same machine."""

    name: str
    """The run's place in the results folder. Default: the name of the file."""
    seed: Annotated[int, Field(ge=0, lt=LARGEST_SEED + 1)] = 0
    """Seed of initialisation, order of the images, augmentation and dropout. Usually set by `--seed` or `--seeds`."""
    model: ModelSpec
    """The net."""
    data: DataSpec = DataSpec()
    """The images."""
    training: TrainingSpec = TrainingSpec()
    """The schedule."""
    probes: ProbesSpec = ProbesSpec()
    """What is measured inside the net."""

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if len(name) > LONGEST_NAME or not all(NAME_PART.fullmatch(part) for part in name.split("/")):
            raise ValueError(
                f"{name[:60]!r} should be letters, digits, '.', '_', '+' and '-', "
                "in folders joined by '/', inside the results folder"
            )
        return name

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        batch_size, splits = self.training.batch_size, self.model.batch_norm_splits
        if batch_size > self.data.epoch_images:
            raise ValueError(
                f"training.batch_size: {batch_size} is more than the {self.data.epoch_images} training images"
            )
        if batch_size % splits:
            raise ValueError(f"model.batch_norm_splits: {splits} does not divide training.batch_size: {batch_size}")
        if self.probes.measure and self.probes.images > self.data.epoch_images:
            raise ValueError(
                f"probes.images: {self.probes.images} is more than the {self.data.epoch_images} training images"
            )
        return self

    @property
    def label(self) -> str:
        """The run's place in the results folder: `<name>/seed-<k>`."""
        return f"{self.name}/seed-{self.seed}"

    def steps_of(self, cadence: int | Literal["epoch"]) -> int:
        """A cadence in steps. An epoch is the smallest number of steps that covers the training set."""
        return -(-self.data.epoch_images // self.training.batch_size) if cadence == "epoch" else cadence
