"""The two effects that the papers are about, as differences of errors: the degradation and its fix."""

import math
from typing import NamedTuple

from resnet_repro.analysis.groups import Group


class Effect(NamedTuple):
    """The difference in final error between two nets of one group."""

    name: str  # "degradation" or "fix"
    column: str  # of metrics.csv
    worse: str  # the net expected to have the higher error
    better: str
    points: float  # mean error of `worse` minus that of `better`, in percentage points
    std: float | None  # of the difference between two single runs; None if a net has one run
    n: tuple[int, int]  # number of runs of `worse` and of `better`

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {self.std:.1f}"
        return f"{self.points:+.1f}{spread} points (n={self.n[0]}, {self.n[1]})"


def effects(group: Group) -> list[Effect]:
    """The deepest plain net against the shallowest (degradation) and against the ResNet of its depth (fix)."""
    depths = [entry.model.depth for entry in group.entries if group.find("none", entry.model.depth) is entry]
    if not depths:
        return []
    deep = group.find("none", depths[-1])
    others = {"degradation": group.find("none", depths[0]), "fix": group.find("identity", depths[-1])}
    found = []
    for name, other in others.items():
        for column in ("train_error_pct", "test_error_pct"):
            left, right = deep and deep.final(column), other and other.final(column)
            if deep and other and other is not deep and left and right:
                spread = None if left.std is None or right.std is None else math.hypot(left.std, right.std)
                points = left.mean - right.mean
                found.append(Effect(name, column, deep.name, other.name, points, spread, (left.n, right.n)))
    return found
