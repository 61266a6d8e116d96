"""The nets of the papers' CIFAR-10 results, by the name of their spec in experiments/.

A recipe holds only what differs from the defaults of `resnet_repro.spec`. A test checks that it equals the spec file.
"""

from typing import Any, NamedTuple

# [R] section 4.2: the warm-up of ResNet-110, which is our choice for plain-110 and ResNet-1202 too.
WARM_R = {"learning_rate": 0.01, "until_train_error_pct": 80}
WARM_I = {"learning_rate": 0.01, "steps": 400}  # [I]: warm-up of every CIFAR net


def papers_net(shortcut: str, depth: int) -> str:
    """The name in NETS of the plain ("none") or residual ("identity") net of [R] with a depth."""
    return f"{'plain' if shortcut == 'none' else 'resnet'}{depth}"


class Recipe(NamedTuple):
    """The fields of `model` and `training` that differ from the defaults, which are those of [R] section 4.2."""

    model: dict[str, Any]
    training: dict[str, Any]


def _of_r(depth: int, shortcut: str) -> Recipe:
    return Recipe({"depth": depth, "shortcut": shortcut}, {"warmup": WARM_R} if depth >= 110 else {})


def _of_i(depth: int = 110, **model: Any) -> Recipe:
    block = {"block": "bottleneck"} if depth in (164, 1001) else {}
    return Recipe({"depth": depth, **block, **model}, {"warmup": WARM_I})


UNITS = {
    "original": "original",
    "bn-after-addition": "bn_after_addition",
    "relu-before-addition": "relu_before_addition",
    "relu-only-preactivation": "relu_only_preactivation",
    "full-preactivation": "full_preactivation",
}
_PREACTIVATION = _of_i(1001, unit="full_preactivation")
_SIGMOID = {"depth": 8, "shortcut": "none", "activation": "sigmoid", "initialization": "xavier"}

NETS: dict[str, Recipe] = {
    **{f"plain{depth}": _of_r(depth, "none") for depth in (20, 32, 44, 56, 110)},
    **{f"resnet{depth}": _of_r(depth, "identity") for depth in (20, 32, 44, 56, 110, 1202)},
    "resnet110-cold": Recipe({"depth": 110}, {}),
    **{
        f"identity_mappings/{name}-{depth}": _of_i(depth, unit=unit)
        for name, unit in UNITS.items()
        for depth in (110, 164)
    },
    "identity_mappings/original-110-single-layer": _of_i(block="single_layer"),
    "identity_mappings/full-preactivation-110-single-layer": _of_i(block="single_layer", unit="full_preactivation"),
    "identity_mappings/original-1001": _of_i(1001),
    "identity_mappings/full-preactivation-1001": _PREACTIVATION,
    "identity_mappings/full-preactivation-1001-batch64": Recipe(
        # 200 epochs; the rate drops after 80 and 121 (resnet-1k-layers, on fb.resnet.torch)
        _PREACTIVATION.model,
        {**_PREACTIVATION.training, "batch_size": 64, "steps": 156_400, "milestones": (62_560, 94_622)},
    ),
    **{
        f"identity_mappings/scaled-{h:g}-{branch:g}": _of_i(shortcut="scaled", shortcut_scale=h, branch_scale=branch)
        for h, branch in ((0.0, 1.0), (0.5, 1.0), (0.5, 0.5))
    },
    **{f"identity_mappings/exclusive-gate-{b}": _of_i(shortcut="exclusive_gate", gate_bias=-b) for b in range(8)},
    **{f"identity_mappings/shortcut-only-gate-{b}": _of_i(shortcut="shortcut_only_gate", gate_bias=-b) for b in (0, 6)},
    "identity_mappings/conv1x1": _of_i(shortcut="conv1x1"),
    "identity_mappings/dropout": _of_i(shortcut="dropout", shortcut_dropout=0.5),
    # Stand-ins for [B] section 4.1, whose own net and data (MNIST digits) are not reproduced here.
    "batchnorm/plain8-sigmoid": Recipe({**_SIGMOID, "normalization": "none"}, {}),
    "batchnorm/plain8-sigmoid-bn": Recipe(_SIGMOID, {}),
}
