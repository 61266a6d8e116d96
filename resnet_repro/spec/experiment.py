"""The experiment: a frozen, strict description whose defaults are the paper's recipe.

[R] He et al. 2015, "Deep Residual Learning", section 4.2, is where every default comes from, unless the
field's comment says otherwise. Reading YAML into this is the business of `file.py`.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from resnet_repro.spec.data import DataSpec
from resnet_repro.spec.model import ModelSpec
from resnet_repro.spec.probes import ProbesSpec
from resnet_repro.spec.section import Section
from resnet_repro.spec.training import TrainingSpec

NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class Experiment(Section):
    """One run, fully determined: the same experiment and seed give the same result on the same machine."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0  # usually set by the command: --seed, --seeds
    model: ModelSpec
    data: DataSpec = DataSpec()
    training: TrainingSpec = TrainingSpec()
    probes: ProbesSpec = ProbesSpec()

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if len(name) > 120 or not all(NAME_PART.fullmatch(part) for part in name.split("/")):
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
        """A cadence in steps. An epoch is the number of steps that first covers the training set."""
        return -(-self.data.epoch_images // self.training.batch_size) if cadence == "epoch" else cadence
