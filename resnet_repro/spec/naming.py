"""Names of nets and schedules in tables and figures."""

from collections.abc import Callable
from typing import Any

from resnet_repro.spec import PAPER_STEPS, ModelSpec, TrainingSpec
from resnet_repro.spec.model import default_classifier
from resnet_repro.spec.own import READING

UNIT_NAMES = {
    "bn_after_addition": "BN after addition",
    "relu_before_addition": "ReLU before addition",
    "relu_only_preactivation": "ReLU-only pre-activation",
    "full_preactivation": "full pre-activation",
}
SHORTCUT_NAMES = {
    "scaled": "",  # its two factors are named instead
    "dropout": "",
    "exclusive_gate": "exclusive gate",
    "shortcut_only_gate": "shortcut-only gate",
    "conv1x1": "1x1 shortcut",
}
INITIALIZATION_NAMES = {"he_fan_in": "He fan-in", "xavier": "Xavier", "gaussian": "Gaussian", "fixup": "Fixup"}
CLASSIFIER_NAMES = {"uniform": "uniform", "he": "He", "gaussian": "Gaussian", "zero": "zero"}

# How the name of a net says that a field differs from the paper's; other fields read "width 32".
PHRASES: dict[str, Callable[[Any], str]] = {
    "block": lambda block: value_name(block, {"single_layer": "shortcut over each layer"}),
    "unit": lambda unit: value_name(unit, UNIT_NAMES),
    "shortcut": lambda shortcut: value_name(shortcut, SHORTCUT_NAMES),
    "shortcut_scale": lambda scale: f"h × {scale:g}",
    "branch_scale": lambda scale: f"F × {scale:g}",
    "gate_bias": lambda bias: f"bias {bias:g}",
    "shortcut_dropout": lambda rate: f"shortcut dropout {rate:g}",
    "activation": lambda activation: value_name(activation, {}),
    "initialization": lambda method: value_name(method, INITIALIZATION_NAMES),
    "initialization_std": lambda std: f"std {std:g}",
    "classifier_initialization": lambda method: f"{value_name(method, CLASSIFIER_NAMES)} classifier",
    "classifier_initialization_std": lambda std: f"classifier std {std:.3g}",
}


def net_name(model: ModelSpec) -> str:
    """The usual name of a net: "plain-56", "ResNet-56 without BN", "ResNet-110 (full pre-activation)"."""
    kind = model.shortcut if model.shortcut in ("none", "identity") else "identity"
    usual = ModelSpec.model_validate(
        {"depth": model.depth, "block": model.block, "shortcut": kind, "normalization": model.normalization,
         "classifier_initialization": default_classifier(model.initialization)},
        context=READING,
    )  # fmt: skip
    name = f"{'plain' if kind == 'none' else 'ResNet'}-{model.depth}"
    if model.normalization == "none":
        name += " without BN"
    unusual = [] if model.block == "basic" else [PHRASES["block"](model.block)]
    for field, value in model:
        if value != getattr(usual, field):
            unusual.append(PHRASES[field](value) if field in PHRASES else f"{field.replace('_', ' ')} {value}")
    phrases = ", ".join(phrase for phrase in unusual if phrase)
    return f"{name} ({phrases})" if phrases else name


def value_name(value: str, names: dict[str, str]) -> str:
    """The usual name of a field's value, or the value itself if it has none, like one that a reader has added."""
    return names.get(value, value.replace("_", " "))


def is_papers_net(model: ModelSpec) -> bool:
    """Whether it is a net of [R] section 4.2: basic units, BN, no or identity shortcuts, and nothing else changed."""
    plain_or_residual = model.block == "basic" and model.shortcut in ("none", "identity")
    return plain_or_residual and model == ModelSpec(depth=model.depth, shortcut=model.shortcut)


def held_out_phrase(validation_images: int) -> str:
    """What follows the name of the data if a net is not tested on the test set; empty if it is."""
    return f", tested on {validation_images} held-out training images" if validation_images else ""


def schedule_phrase(training: TrainingSpec) -> str:
    """The length of the training, and whether it is short: "400 steps of 64 (short: ...)"."""
    return (
        f"{training.steps} steps of {training.batch_size}{f' ({short})' if (short := short_phrase(training)) else ''}"
    )


def drops_phrase(training: TrainingSpec) -> str:
    """What follows a learning rate that drops: ", ×0.1 after 32000 and 48000"; empty if it does not."""
    if not training.milestones:
        return ""
    return f", ×{training.gamma:g} after {' and '.join(map(str, training.milestones))}"


def short_phrase(training: TrainingSpec) -> str:
    """Empty if the schedule is at least as long as that of [R] section 4.2."""
    return f"short: the paper's schedule has {PAPER_STEPS}" if training.steps < PAPER_STEPS else ""
