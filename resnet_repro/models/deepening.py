"""Grows a net to a greater depth without changing its function: each unit that is added is the identity.

This is the construction of [R], section 1, by which a deeper net cannot need to be worse. `spec/start.py` says in which
nets it exists.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d, replaced_statistics
from resnet_repro.models.layers import Layers
from resnet_repro.models.network import Network
from resnet_repro.models.units import Unit


class Moments(NamedTuple):
    """Mean and variance of each feature map, both (C,) float64 on the CPU."""

    mean: Tensor
    variance: Tensor


def deepen(shallow: Network, deep: Network, measure: Callable[[], Sequence[Moments]]) -> None:
    """Give `deep` the function of `shallow`: copy its layers, and make the units added to each stage the identity.

    The nets may differ in depth alone. In a residual net the branch of an added unit becomes zero. The layers that its
    input passes become the identity: convolutions get a Dirac kernel, and BN undoes itself. BN can do that in
    evaluation with any statistics. To do so in training too, it needs the statistics of what passes, which `measure`
    returns for the output of each stage; it is called only if there is such BN.
    """
    for name in ("stem", "end", "head"):
        getattr(deep, name).load_state_dict(getattr(shallow, name).state_dict())
    passed: list[list[BatchNorm2d]] = []
    for ours, theirs in zip(deep.stages(), shallow.stages(), strict=True):
        for unit, copied in zip(ours, theirs, strict=False):
            unit.load_state_dict(copied.state_dict())
        added = [unit for unit in list(ours)[len(theirs) :] if isinstance(unit, Unit)]
        passed.append([norm for unit in added for norm in _make_identity(unit)])
    if any(passed):
        for norms, moments in zip(passed, measure(), strict=True):
            for norm in norms:
                _undo(norm, moments)


@torch.no_grad()
def stage_moments(net: Network, batches: Iterable[Tensor]) -> list[Moments]:
    """The mean over mini-batches (B, 3, 32, 32) of the moments of each stage's output.

    As in training, the net's own BN normalises each mini-batch by its statistics. The net stays as it is.
    """
    found: list[list[Tensor]] = [[] for _ in net.stages()]

    def watch(stage: nn.Module, place: int) -> torch.utils.hooks.RemovableHandle:
        def note(_stage: nn.Module, _input: object, output: Tensor) -> None:
            found[place].append(torch.stack(torch.var_mean(output.double(), dim=(0, 2, 3))))

        return stage.register_forward_hook(note)

    was_training = net.training
    hooks = [watch(stage, place) for place, stage in enumerate(net.stages())]
    try:
        net.eval()  # without dropout
        with replaced_statistics(net, by=lambda statistic: None):
            for images in batches:
                net(images)
    finally:
        net.train(was_training)
        for hook in hooks:
            hook.remove()
    return [Moments(mean, variance) for variance, mean in (torch.stack(several).mean(dim=0) for several in found)]


@torch.no_grad()
def _make_identity(unit: Unit) -> list[BatchNorm2d]:
    """Make a unit the identity, up to the BN that its input passes, which is returned."""
    assert not unit.before, "what both paths share would have to be the identity too"
    passed = [*unit.after]
    if unit.shortcut is None:
        passed += unit.branch
    else:
        passed += unit.shortcut.h if isinstance(unit.shortcut.h, Layers) else []
        last = [layer for layer in unit.branch if isinstance(layer, nn.Conv2d | BatchNorm2d)][-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
    for layer in passed:
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return [layer for layer in passed if isinstance(layer, BatchNorm2d)]


@torch.no_grad()
def _undo(norm: BatchNorm2d, moments: Moments) -> None:
    """Make BN the identity: γ = sqrt(σ² + ε) and β = μ, with μ and σ² its population statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(moments.mean)
    norm.running_var.copy_(moments.variance)
    norm.weight.copy_((norm.running_var.double() + norm.eps).sqrt())
    norm.bias.copy_(norm.running_mean)
