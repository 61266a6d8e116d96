"""The net: a unit is x' = f(h(x) + F(x)), and every choice of the papers is a field.

[R] He et al. 2015, "Deep Residual Learning"; [I] He et al. 2016, "Identity Mappings in Deep Residual Networks";
[B] Ioffe and Szegedy 2015, "Batch Normalization".
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from resnet_repro.spec.section import Images, Section

LAYERS_OF_BLOCK = {"basic": 2, "bottleneck": 3, "single_layer": 1}  # depth is 3 stages of n such units, plus 2
DEPTH_RULE = {"basic": "6n+2", "bottleneck": "9n+2", "single_layer": "3n+2"}
CLASSES = 10  # outputs of the classifier
MOST_LAYERS, MOST_FILTERS = 10_000, 1024
MOST_WEIGHTS = 2_000_000_000

# Fields that one value of another field asks for, and no other value has.
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
    """The defaults are the residual net of [R] section 4.2. The plain net is the one without h."""

    depth: Annotated[int, Field(gt=0, le=MOST_LAYERS)]  # weighted layers on the longest path
    block: Literal["basic", "bottleneck", "single_layer"] = "basic"  # 3x3 3x3; 1x1 3x3 1x1; 3x3
    unit: Literal[
        "original", "bn_after_addition", "relu_before_addition", "relu_only_preactivation", "full_preactivation"
    ] = "original"  # F and f, [I] Table 2
    shortcut: Literal["none", "identity", "scaled", "exclusive_gate", "shortcut_only_gate", "conv1x1", "dropout"] = (
        "identity"  # h, [I] Table 1
    )
    option: Literal["A", "B"] = Field(
        default_factory=lambda values: default_option(values.get("block", "basic"))
    )  # h where the shape changes: A subsample and pad, B project; B is the default of bottlenecks, as in [I]
    shortcut_scale: float | None = None  # of h, [I] eq. 4
    branch_scale: float | None = None  # of F
    gate_bias: Annotated[float, Field(ge=-1000, le=1000)] | None = (
        None  # b_g that the gate starts from, [I] section 3.1
    )
    shortcut_dropout: Probability | None = None
    normalization: Literal["batch", "none"] = "batch"
    batch_norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.1  # the newest batch's weight in the statistics
    batch_norm_epsilon: PositiveFloat = 1e-5
    batch_norm_splits: Images = 1  # parts of a batch with statistics of their own; 2 is [R]'s two GPUs of 64
    batch_norm_sync: bool = False  # over the ranks of torchrun; else each has statistics of its own
    activation: Literal["relu", "sigmoid", "tanh"] = "relu"
    initialization: Literal["he", "he_fan_in", "xavier", "gaussian", "fixup"] = (
        "he"  # he: by fan-out, as [R]'s later code
    )
    initialization_std: PositiveFloat | None = None
    classifier_initialization: Literal["uniform", "he", "gaussian", "zero"] = Field(
        default_factory=lambda values: default_classifier(values.get("initialization", "he"))
    )  # uniform: in ±1/sqrt(inputs), as the authors' released code leaves it; zero is the default of fixup
    classifier_initialization_std: PositiveFloat | None = None
    dropout: Probability = 0.0  # before the last convolution of each branch; [R] has none
    width: Annotated[int, Field(gt=0, le=MOST_FILTERS)] = (
        16  # filters of the first stage; the next two have twice and four times as many
    )

    @model_validator(mode="after")
    def _depth(self) -> Self:
        step = 3 * LAYERS_OF_BLOCK[self.block]
        if self.depth < step + 2 or self.depth % step != 2:
            below = max(step + 2, self.depth - (self.depth - 2) % step)
            nearest = f"the smallest is {below}" if self.depth < step + 2 else f"nearest are {below} and {below + step}"
            raise ValueError(f"depth: {self.depth} is not {DEPTH_RULE[self.block]}; {nearest}")
        return self

    @model_validator(mode="after")
    def _weights(self) -> Self:
        """Each within its limit, a deep and wide net would still take hundreds of gigabytes."""
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
            if given and not needed:
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
