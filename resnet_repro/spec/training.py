"""Section `training` of a spec: SGD with momentum and a learning rate that drops, as in [R] section 4.2."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from resnet_repro.spec.section import AsTuple, Cadence, Images, Section, Steps

PAPER_STEPS = 64_000

Precision = Literal["auto", "fp32", "bf16", "fp16"]


class Warmup(Section):
    """A smaller learning rate first: [R] trains ResNet-110 at 0.01 until the training error is below 80 %.

    Give one of `steps` and `until_train_error_pct`. The steps of the warm-up count within `training.steps`.
    """

    learning_rate: PositiveFloat = 0.01
    """The learning rate of the warm-up."""
    steps: Steps | None = None
    """Ends the warm-up after this many steps."""
    until_train_error_pct: Annotated[float, Field(gt=0, lt=100)] | None = None
    """Ends the warm-up once the training error over the last 100 mini-batches, in %, falls below this.
    It is checked every 100 steps."""

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
    """Number of mini-batches to train on; the paper's full schedule is 64,000."""
    batch_size: Images = 128
    """Images in a mini-batch."""
    learning_rate: PositiveFloat = 0.1
    """The learning rate from the start, or from the end of the warm-up."""
    milestones: Annotated[tuple[Steps, ...], AsTuple] = Field(
        default_factory=lambda values: default_milestones(values.get("steps", PAPER_STEPS)), max_length=20
    )
    """Multiplies the learning rate by `gamma` after each of these steps.
    Default: half and three quarters of `steps`, in the paper 32,000 and 48,000."""
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """The factor of the learning rate at each milestone."""
    warmup: Warmup | None = None
    """A smaller learning rate at the start: `{learning_rate: 0.01, steps: 400}`. Without it there is none."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of SGD."""
    nesterov: bool = False
    """Nesterov's form of momentum. The paper does not name it."""
    weight_decay: NonNegativeFloat = 1e-4
    """Factor of the L2 penalty on the parameters."""
    weight_decay_on: Literal["all", "weights"] = "all"
    """`weights` spares the parameters of BN and the biases; `all` is what the authors' later code does."""
    evaluate_every: Cadence = "epoch"
    """Steps between two measurements of the test error and the clean training error, or `epoch`."""
    record_every: Cadence = "epoch"
    """Steps between two rows of the running training error, or `epoch`."""
    clean_images: Images = 10_000
    """Number of training images on which the clean training error is measured."""
    precision: Precision = "auto"
    """Number format of convolutions: `auto` is bf16 where the hardware has it, else fp16 with a scaled loss on
    CUDA, else fp32."""
    recompute: bool = False
    """Activation checkpointing: computes activations again in the backward pass. The numbers stay the same; it
    takes less memory and more time, and makes ResNet-1202 fit."""

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
