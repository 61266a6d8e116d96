"""ReZero (Bachlechner et al. 2020, https://arxiv.org/abs/2003.04887): x' = f(h(x) + a F(x)), where a is learned.

Each unit has a number a of its own, which starts at 0: before the first step every unit passes its input on.

    resnet-repro train quick/resnet20 --import rezero.py --set model.shortcut=rezero --set name=rezero
"""

import torch
from torch import Tensor, nn

from resnet_repro.models import SHORTCUTS, Shortcut


class ReZero(Shortcut):
    """h(x) and a F(x)."""

    def __init__(self, h: nn.Module) -> None:
        super().__init__(h)
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        return self.h(x), self.scale * residual


SHORTCUTS["rezero"] = lambda model, h, gate: ReZero(h)
