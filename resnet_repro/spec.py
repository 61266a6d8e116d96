"""The experiment: a frozen, strict description whose defaults are the paper's recipe.

[R] He et al. 2015, "Deep Residual Learning", section 4.2, is where every default comes from, unless the
field's comment says otherwise. Reading YAML into this is `spec_file.py`'s business.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

CIFAR10_TRAIN_IMAGES, CIFAR10_TEST_IMAGES = 50_000, 10_000
PAPER_STEPS = 64_000
NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _cadence(value: object) -> object:
    if value != "epoch" and (type(value) is not int or value < 1):
        raise ValueError(f"{value!r} should be a number of steps, 1 or more, or 'epoch'")
    return value


Cadence = Annotated[int | Literal["epoch"], BeforeValidator(_cadence)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ModelSpec(Section):
    """The net. A unit is x' = f(h(x) + F(x)); the plain net is the one without h."""

    depth: PositiveInt  # weighted layers: 6n+2
    unit: Literal["original"] = "original"  # F and f
    shortcut: Literal["none", "identity"] = "identity"  # h
    option: Literal["A", "B"] = "A"  # h where the shape changes: A subsample and pad, B project
    normalization: Literal["batch", "none"] = "batch"
    activation: Literal["relu"] = "relu"
    initialization: Literal["he", "he_fan_in", "xavier"] = "he"  # he: by fan-out, as the authors' later code
    width: PositiveInt = 16  # filters of the first stage; the next two have twice and four times as many

    @field_validator("depth")
    @classmethod
    def _depth(cls, depth: int) -> int:
        if depth < 8 or depth % 6 != 2:
            below = max(8, depth - (depth - 2) % 6)
            nearest = "the smallest is 8" if depth < 8 else f"nearest are {below} and {below + 6}"
            raise ValueError(f"{depth} is not 6n+2; {nearest}")
        return depth

    @model_validator(mode="after")
    def _combination(self) -> Self:
        if self.shortcut == "none" and self.option != "A":
            raise ValueError("option: a plain net has no shortcut to project; remove it or set model.shortcut")
        return self


class DataSpec(Section):
    dataset: Literal["cifar10", "synthetic"] = "cifar10"
    augmentation: Literal["crop_flip", "none"] = "crop_flip"  # pad 4, crop 32x32, flip half of them
    train_images: PositiveInt = CIFAR10_TRAIN_IMAGES
    test_images: PositiveInt = CIFAR10_TEST_IMAGES

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        true_sizes = {"train_images": CIFAR10_TRAIN_IMAGES, "test_images": CIFAR10_TEST_IMAGES}
        for field, size in true_sizes.items():
            if self.dataset == "cifar10" and getattr(self, field) != size:
                raise ValueError(f"{field}: CIFAR-10 has {size}; only 'dataset: synthetic' takes another number")
        return self


class Warmup(Section):
    """A smaller learning rate first: [R] trains ResNet-110 at 0.01 until the training error is below 80 %.

    Its steps count within `training.steps`. Give one of `steps` and `until_train_error_pct`; the latter
    is checked on the running error of the last 100 mini-batches, every 100 steps.
    """

    learning_rate: PositiveFloat = 0.01
    steps: PositiveInt | None = None
    until_train_error_pct: Annotated[float, Field(gt=0, lt=100)] | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.steps is None) == (self.until_train_error_pct is None):
            raise ValueError("steps: give exactly one of steps and until_train_error_pct")
        return self


def default_milestones(steps: int) -> tuple[int, ...]:
    """Half and three quarters of the steps: the paper's 32k and 48k of 64k."""
    return tuple(sorted({step for step in (steps // 2, steps * 3 // 4) if step > 0}))


class TrainingSpec(Section):
    """SGD with momentum and a learning rate that drops at milestones. Steps are iterations, never epochs."""

    steps: PositiveInt = PAPER_STEPS
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 0.1
    milestones: Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)] = Field(
        default_factory=lambda values: default_milestones(values.get("steps", PAPER_STEPS))
    )  # the learning rate is multiplied by gamma after this many steps
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    warmup: Warmup | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False  # the paper does not name it
    weight_decay: NonNegativeFloat = 1e-4  # on every parameter, as the authors' later code
    evaluate_every: Cadence = "epoch"  # test error and clean training error, in steps
    record_every: Cadence = "epoch"  # running training error, in steps: a row without an evaluation
    clean_images: PositiveInt = 10_000  # training images that train_error_clean_pct is measured on
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the hardware has it, else fp32

    @model_validator(mode="after")
    def _schedule(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones: {list(self.milestones)} should increase")
        if self.milestones and self.milestones[-1] >= self.steps:
            raise ValueError(
                f"milestones: {self.milestones[-1]} is past the end of training.steps: {self.steps}; "
                "lower it, or leave milestones out for half and three quarters of the steps"
            )
        if self.warmup and self.warmup.steps and self.warmup.steps >= self.steps:
            raise ValueError(f"warmup: {self.warmup.steps} steps leave none of training.steps: {self.steps}")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: needs a momentum above 0")
        return self


class Experiment(Section):
    """One run, fully determined: the same experiment and seed give the same result on the same machine."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0  # usually set by the command: --seed, --seeds
    model: ModelSpec
    data: DataSpec = DataSpec()
    training: TrainingSpec = TrainingSpec()

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
        if self.training.batch_size > self.data.train_images:
            raise ValueError(
                f"training.batch_size: {self.training.batch_size} is more than the "
                f"{self.data.train_images} training images"
            )
        return self

    @property
    def label(self) -> str:
        """The run's place in the results folder: `<name>/seed-<k>`."""
        return f"{self.name}/seed-{self.seed}"

    def steps_of(self, cadence: int | Literal["epoch"]) -> int:
        """A cadence in steps. An epoch is the number of steps that first covers the training set."""
        return -(-self.data.train_images // self.training.batch_size) if cadence == "epoch" else cadence
