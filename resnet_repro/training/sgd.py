"""SGD with momentum, on torch's functional form of it."""

from itertools import chain
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class Group(TypedDict):
    """Parameters that share a weight decay."""

    params: list[nn.Parameter]
    weight_decay: float


class SGD:
    """The update of `torch.optim.SGD`, bit for bit, whose momentum begins at zero.

    That class imports the front end of torch.compile, which takes over a second. `param_groups`, `grad_scale`,
    `found_inf` and `_step_supports_amp_scaling` have the names that torch's GradScaler expects. With a momentum of 0
    there is none to keep.
    """

    grad_scale: Tensor | None = None
    found_inf: Tensor | None = None

    def __init__(self, groups: list[Group], momentum: float, nesterov: bool, fused: bool) -> None:
        self.param_groups = groups
        self.momentum, self.nesterov = momentum, nesterov
        self.fused = self._step_supports_amp_scaling = fused
        parameters = chain.from_iterable(group["params"] for group in groups) if momentum else ()
        self.momentum_buffers = {parameter: torch.zeros_like(parameter) for parameter in parameters}

    def zero_grad(self) -> None:
        """Free all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float | Tensor) -> None:
        """Update the parameters that have a gradient. On CUDA the rate may be a () tensor."""
        for group in self.param_groups:
            moved = {parameter: parameter.grad for parameter in group["params"] if parameter.grad is not None}
            sgd(
                list[Tensor](moved),
                list(moved.values()),
                [self.momentum_buffers[parameter] for parameter in moved] if self.momentum_buffers else [],
                fused=self.fused,
                grad_scale=self.grad_scale,
                found_inf=self.found_inf,
                weight_decay=group["weight_decay"],
                momentum=self.momentum,
                lr=learning_rate,  # type: ignore[arg-type]  # a tensor too, as its callers pass
                dampening=0.0,
                nesterov=self.nesterov,
                maximize=False,
            )
