"""Section `model` of a spec: a unit is x' = f(h(x) + F(x)), and every choice of the papers is a field.

[R] He et al. 2015, "Deep Residual Learning"; [I] He et al. 2016, "Identity Mappings in Deep Residual Networks";
[B] Ioffe and Szegedy 2015, "Batch Normalization".
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from resnet_repro.spec.own import Grows, is_own
from resnet_repro.spec.section import Images, Section

LAYERS_OF_BLOCK = {"basic": 2, "bottleneck": 3, "single_layer": 1}  # depth is 3 stages of n such units, plus 2
CLASSES = 10  # outputs of the classifier
MOST_LAYERS, MOST_FILTERS = 3_000, 1024
MOST_WEIGHTS = 2_000_000_000

# A field here is needed if another field has one of these values, and refused otherwise.
COMES_WITH = {
    "shortcut_scale": ("shortcut", ("scaled",)),
    "branch_scale": ("shortcut", ("scaled",)),
    "gate_bias": ("shortcut", ("exclusive_gate", "shortcut_only_gate")),
    "shortcut_dropout": ("shortcut", ("dropout",)),
    "initialization_std": ("initialization", ("gaussian",)),
    "classifier_initialization_std": ("classifier_initialization", ("gaussian",)),
}

Probability = Annotated[float, Field(ge=0, lt=1)]


class ModelSpec(Section):
    """The net. The defaults are the residual net of [R], section 4.2; `shortcut: none` makes it the plain net."""

    depth: Annotated[int, Field(gt=0, le=MOST_LAYERS)]
    """Number of layers with weights on the longest path: 6n+2 for `basic`, 9n+2 for `bottleneck`, 3n+2 for
    `single_layer`."""
    block: Annotated[Literal["basic", "bottleneck", "single_layer"], Grows("model.block")] = "basic"
    """The convolutions of a unit: two of 3x3; 1x1, 3x3 and 1x1; or one of 3x3."""
    unit: Annotated[
        Literal[
            "original", "bn_after_addition", "relu_before_addition", "relu_only_preactivation", "full_preactivation"
        ],
        Grows("model.unit"),
    ] = "original"
    """The order of convolution, BN, activation and addition, F and f ([I] Table 2)."""
    shortcut: Annotated[
        Literal["none", "identity", "scaled", "exclusive_gate", "shortcut_only_gate", "conv1x1", "dropout"],
        Grows("model.shortcut"),
    ] = "identity"
    """The shortcut h ([I] Table 1). `none` makes a plain net."""
    option: Literal["A", "B"] = Field(default_factory=lambda values: default_option(values.get("block", "basic")))
    """The shortcut where the shape changes: `A` subsamples and pads with zeros, `B` is a 1x1 convolution.
    Default: `A`; `B` for `block: bottleneck`, as in [I]."""
    shortcut_scale: float | None = None
    """Factor of h with `shortcut: scaled` ([I] eq. 4)."""
    branch_scale: float | None = None
    """Factor of F with `shortcut: scaled`."""
    gate_bias: Annotated[float, Field(ge=-1000, le=1000)] | None = None
    """First value of the bias b_g with a gated shortcut ([I] section 3.1)."""
    shortcut_dropout: Probability | None = None
    """Probability of dropping an element with `shortcut: dropout`."""
    normalization: Literal["batch", "none"] = "batch"
    """Batch normalisation (BN) after each convolution, or none."""
    batch_norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Weight of the newest mini-batch in BN's running statistics."""
    batch_norm_epsilon: PositiveFloat = 1e-5
    """Added to the variance in BN."""
    batch_norm_splits: Images = 1
    """Ghost batch norm: splits a mini-batch into so many parts with statistics of their own. 2 is like the
    paper's two GPUs of 64 images each."""
    batch_norm_sync: bool = False
    """With torchrun: takes BN's statistics over the mini-batches of all ranks, not of each rank."""
    activation: Annotated[Literal["relu", "sigmoid", "tanh"], Grows("model.activation")] = "relu"
    """The non-linearity."""
    initialization: Annotated[
        Literal["he", "he_fan_in", "xavier", "gaussian", "fixup"], Grows("model.initialization")
    ] = "he"
    """First weights of the convolutions. `he` uses the fan-out, as the authors' later code does; `fixup` is for
    residual nets without BN (Zhang et al. 2019)."""
    initialization_std: PositiveFloat | None = None
    """Standard deviation with `initialization: gaussian`."""
    classifier_initialization: Annotated[
        Literal["uniform", "he", "gaussian", "zero"], Grows("model.classifier_initialization")
    ] = Field(default_factory=lambda values: default_classifier(values.get("initialization", "he")))
    """First weights of the classifier. `uniform` is in ±1/sqrt(inputs), as in the authors' released code.
    Default: `uniform`; `zero` for `initialization: fixup`."""
    classifier_initialization_std: PositiveFloat | None = None
    """Standard deviation with `classifier_initialization: gaussian`."""
    dropout: Probability = 0.0
    """Probability of dropping an element before the last convolution of each branch; the paper uses none."""
    width: Annotated[int, Field(gt=0, le=MOST_FILTERS)] = 16
    """Feature maps of the first stage; the second stage has twice, the third four times as many."""

    @model_validator(mode="after")
    def _depth(self) -> Self:
        if self.block not in LAYERS_OF_BLOCK:  # a block of the user's own, in a run that is only read
            return self
        step = 3 * LAYERS_OF_BLOCK[self.block]
        if self.depth < step + 2 or self.depth % step != 2:
            below = max(step + 2, self.depth - (self.depth - 2) % step)
            nearest = f"the smallest is {below}" if self.depth < step + 2 else f"nearest are {below} and {below + step}"
            raise ValueError(f"depth: {self.depth} is not {step}n+2; {nearest}")
        return self

    @model_validator(mode="after")
    def _weights(self) -> Self:
        """Cap the product as well: a deep and wide net takes hundreds of gigabytes with each within its limit."""
        about = 9 * self.width**2 * (1 + 4 + 16) * self.depth // 3  # 3x3 convolutions, a third of them in each stage
        if about > MOST_WEIGHTS:
            raise ValueError(
                f"width: {self.width} at model.depth: {self.depth} makes about {about / 1e9:.0f} billion weights; "
                "lower one of them"
            )
        return self

    @model_validator(mode="after")
    def _companions(self) -> Self:
        for field, (owner, kinds) in COMES_WITH.items():
            given, needed = getattr(self, field) is not None, getattr(self, owner) in kinds
            if given and not needed and not is_own(self, owner):  # which may use it, or not
                raise ValueError(f"{field}: goes with model.{owner}: {' or '.join(kinds)} alone; remove it")
            if needed and not given:
                raise ValueError(f"{field}: is missing; model.{owner}: {getattr(self, owner)} needs it")
        return self

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.shortcut == "none" and self.option != default_option(self.block):
            raise ValueError("option: a plain net has no shortcut to project; remove it or set model.shortcut")
        if self.shortcut == "conv1x1" and self.option != default_option(self.block):
            raise ValueError("option: shortcut: conv1x1 projects in every unit, so there is no choice; remove it")
        if self.shortcut == "none" and self.unit != "original":
            raise ValueError(
                "unit: a plain net has no addition, so every order is the same chain of layers; "
                "remove it or set model.shortcut"
            )
        if self.normalization == "none":
            if self.unit == "bn_after_addition":
                raise ValueError("unit: bn_after_addition says where BN stands, and model.normalization is none")
            usual = type(self).model_fields
            for field in ("batch_norm_momentum", "batch_norm_epsilon", "batch_norm_splits", "batch_norm_sync"):
                if getattr(self, field) != usual[field].default:
                    raise ValueError(f"{field}: there is no BN, as model.normalization is none; remove it")
        if self.batch_norm_sync and self.batch_norm_splits > 1:
            raise ValueError("batch_norm_sync: joins what batch_norm_splits would keep apart; remove one of them")
        if self.initialization == "fixup":
            self._check_fixup()
        return self

    def _check_fixup(self) -> None:
        if self.normalization != "none":
            raise ValueError("initialization: fixup stands in for BN; set model.normalization: none")
        if self.shortcut != "identity":
            raise ValueError(
                "initialization: fixup starts each branch at zero, so that the identity shortcut alone carries the "
                "signal; set model.shortcut: identity, or take another initialization"
            )
        if self.unit == "relu_before_addition":
            raise ValueError(
                "initialization: fixup's zeroed last layers could never move under unit: relu_before_addition, whose "
                "activation right after them is flat at zero; take another unit or initialization"
            )
        if self.block == "single_layer":
            raise ValueError(
                "initialization: fixup's scale, L^(-1/(2m-2)), needs branches of m = 2 layers or more; "
                "set model.block: basic"
            )


def default_option(block: str) -> Literal["A", "B"]:
    """[R] section 4.2 pads everywhere; the bottleneck nets of [I] project at the start of every stage."""
    return "B" if block == "bottleneck" else "A"


def default_classifier(initialization: str) -> Literal["uniform", "zero"]:
    """[R] does not say. The authors' released code (resnet-1k-layers) keeps Torch's uniform; Fixup starts at zero."""
    return "zero" if initialization == "fixup" else "uniform"
