"""How a net is trained: SGD with momentum and a learning rate that drops, as in [R] section 4.2."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from resnet_repro.spec.section import AsTuple, Cadence, Images, Section, Steps

PAPER_STEPS = 64_000


class Warmup(Section):
    """A smaller learning rate first: [R] trains ResNet-110 at 0.01 until the training error is below 80 %.

    Its steps count within `training.steps`. Give one of `steps` and `until_train_error_pct`; the latter
    is checked on the running error of the last 100 mini-batches, every 100 steps.
    """

    learning_rate: PositiveFloat = 0.01
    steps: Steps | None = None
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

    steps: Steps = PAPER_STEPS
    batch_size: Images = 128
    learning_rate: PositiveFloat = 0.1
    milestones: Annotated[tuple[Steps, ...], AsTuple] = Field(
        default_factory=lambda values: default_milestones(values.get("steps", PAPER_STEPS)), max_length=20
    )  # the learning rate is multiplied by gamma after this many steps
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    warmup: Warmup | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False  # the paper does not name it
    weight_decay: NonNegativeFloat = 1e-4
    weight_decay_on: Literal["all", "weights"] = "all"  # weights: not BN, not biases; all: the authors' later code
    evaluate_every: Cadence = "epoch"  # test error and clean training error, in steps
    record_every: Cadence = "epoch"  # running training error, in steps: a row without an evaluation
    clean_images: Images = 10_000  # training images that train_error_clean_pct is measured on
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: bf16 where native, else fp16 on CUDA, else fp32
    recompute: bool = False  # activations in the backward pass: the same numbers in less memory and more time

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
