"""The experiment: a frozen, strict description of one run, whose defaults are the paper's recipe.

Every default comes from [R] He et al. 2015, "Deep Residual Learning", section 4.2, unless the field's description
names another source. `file.py` reads YAML into it.
"""

from typing import Any, Literal, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from resnet_repro.spec.data import DataSpec
from resnet_repro.spec.model import ModelSpec
from resnet_repro.spec.probes import ProbesSpec
from resnet_repro.spec.section import RunName, Section, Seed
from resnet_repro.spec.start import StartSpec, no_identity
from resnet_repro.spec.training import TrainingSpec


class Experiment(Section):
    """One run. The same experiment and seed give the same result on the same machine."""

    name: RunName
    """The run's place in the results folder. Default: the name of the file."""
    seed: Seed = 0
    """Seed of initialisation, order of the images, augmentation and dropout. Usually set by `--seed` or `--seeds`."""
    model: ModelSpec
    """The net."""
    data: DataSpec = DataSpec()
    """The images."""
    training: TrainingSpec = TrainingSpec()
    """The schedule."""
    probes: ProbesSpec = ProbesSpec()
    """What is measured inside the net."""
    start: StartSpec | None = None
    """The net to start from, such as `{run: construction/plain20}`. Without it, a run starts from random weights."""

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

    @model_validator(mode="after")
    def _growth(self) -> Self:
        if self.start and (reason := no_identity(self.model)):
            raise ValueError(f"model.{reason}")
        return self

    @model_serializer(mode="wrap")
    def _without_usual_start(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Runs from random weights are written, and so compared and checked, as before this section existed."""
        values: dict[str, Any] = serialize(self)
        if values.get("start", ...) is None:
            del values["start"]
        return values

    @property
    def label(self) -> str:
        """The run's place in the results folder: `<name>/seed-<k>`."""
        return f"{self.name}/seed-{self.seed}"

    @property
    def source(self) -> str:
        """The label of the run from whose net it starts; "" if it starts from random weights."""
        return self.start.label(self.seed) if self.start else ""

    def steps_of(self, cadence: int | Literal["epoch"]) -> int:
        """A cadence in steps. An epoch is the smallest number of steps that covers the training set."""
        return -(-self.data.epoch_images // self.training.batch_size) if cadence == "epoch" else cadence
