"""Section `start` of a spec: the finished run from whose net a run starts, grown to its own depth.

The function of the net stays the same, as each added unit is the identity. This is the argument of [R], section 1:
"There exists a solution by construction to the deeper model: the added layers are identity mapping, and the other
layers are copied from the learned shallower model."
"""

from resnet_repro.spec.model import ModelSpec
from resnet_repro.spec.own import is_own
from resnet_repro.spec.section import RunName, Section, Seed

AFTER_ADDITION = ("original", "bn_after_addition")  # units whose last activation acts on the sum h(x) + F(x)

PREACTIVATED = ("relu_only_preactivation", "full_preactivation")


class StartSpec(Section):
    """The net to start from, in place of random weights: that of a finished run, grown to this depth.

    The grown net computes the same function. The two nets may differ in depth alone.
    """

    run: RunName
    """The name of the run to start from, in the same results folder: `construction/plain20`."""
    seed: Seed | None = None
    """The seed of that run. Default: that of this run."""

    def label(self, seed: int) -> str:
        """The place of the run to start from, for a run with this seed."""
        return f"{self.run}/seed-{seed if self.seed is None else self.seed}"


def no_identity(model: ModelSpec) -> str:
    """Why no unit that is added to this net can be the identity, as "field: why"; "" if one can.

    In a plain net the identity passes all layers of the unit. In a residual net it passes the shortcut and what follows
    the addition, and the branch is zero.
    """
    plain, activation, unit, shortcut = model.shortcut == "none", model.activation, model.unit, model.shortcut
    own = [field for field in ("block", "unit", "shortcut") if is_own(model, field)]
    passes = plain or unit in AFTER_ADDITION
    none = "so no added unit is the identity"
    reasons = {
        f"{', '.join(own)}: is of your own, and how such a unit becomes the identity is not known": bool(own),
        f"activation: {activation} changes what passes it, {none}; only relu does not": passes and activation != "relu",
        f"block: a plain bottleneck lets a quarter of the feature maps pass, {none}":
            plain and model.block == "bottleneck",
        f"dropout: drops some of what passes a plain unit, {none}; set it to 0": plain and model.dropout > 0,
        f"shortcut: a gate is never fully open, {none}": shortcut in ("exclusive_gate", "shortcut_only_gate"),
        f"shortcut: conv1x1 reads what unit: {unit} has activated, {none}":
            shortcut == "conv1x1" and unit in PREACTIVATED,
        f"shortcut_scale: {model.shortcut_scale} scales what passes, {none}; only 1 does not":
            shortcut == "scaled" and model.shortcut_scale != 1,
        f"shortcut_dropout: drops some of what passes, {none}": bool(model.shortcut_dropout),
        f"unit: relu_before_addition has {activation} after the zeroed last layer of an added branch, which would then "
        "never be 0, or never learn; only tanh is and does": unit == "relu_before_addition" and activation != "tanh",
    }  # fmt: skip
    return next((reason for reason, holds in reasons.items() if holds), "")


def no_growth(shallow: ModelSpec, deep: ModelSpec) -> str:
    """Why a net cannot grow into another one, as "model.field: why"; "" if it can, as far as their specs tell."""
    fields = [name for name, value in deep if name != "depth" and value != getattr(shallow, name)]
    if fields:
        both = ", ".join(f"model.{name} ({getattr(deep, name)}, there {getattr(shallow, name)})" for name in fields)
        return f"only the depth may differ, and so does {both}"
    if deep.depth <= shallow.depth:
        return f"model.depth: {deep.depth} should be more than the {shallow.depth} there"
    return ""
