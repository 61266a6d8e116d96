"""The two effects that the papers are about, as differences of errors: the degradation and its fix."""

from typing import NamedTuple

from resnet_repro.analysis.groups import COLUMNS, Entry, Group
from resnet_repro.analysis.known import known
from resnet_repro.analysis.noise import Interval, interval

ABOUT_EFFECTS = (
    "Beside a difference of two nets, ± is half the width of its 95 % confidence interval (docs/statistics.md)."
)


class Effect(NamedTuple):
    """The difference in final error between two nets of one group."""

    name: str  # "degradation" or "fix"
    column: str  # of metrics.csv
    worse: str  # the net expected to have the higher error
    better: str
    points: float  # mean error of `worse` minus that of `better`, in percentage points
    interval: Interval | None  # of the difference; None if no spread is known under these conditions
    n: tuple[int, int]  # number of runs of `worse` and of `better`

    def __str__(self) -> str:
        width = "" if self.interval is None else f" ± {self.interval.half_width:.1f}"
        unknown = "" if self.interval else "; a second seed is needed"
        return f"{self.points:+.1f}{width} points (n={self.n[0]}, {self.n[1]}{unknown})"


def effects(group: Group) -> list[Effect]:
    """The deepest plain net against the shallowest (degradation) and against the ResNet of its depth (fix).

    Nets that were trained differently, such as with other learning rates, are not compared.
    """
    depths = [entry.model.depth for entry in group.entries if group.find("none", entry.model.depth) is entry]
    if not depths:
        return []
    deep = group.find("none", depths[-1])
    others = {"degradation": group.find("none", depths[0]), "fix": group.find("identity", depths[-1])}
    pairs = [
        (name, deep, other)
        for name, other in others.items()
        if deep and other and other is not deep and not deep.training_differences(other)
    ]
    return [
        effect
        for name, deep, other in pairs
        for column in (COLUMNS[0], COLUMNS[-1])
        if (effect := _effect(group, name, column, deep, other))
    ]


def _effect(group: Group, name: str, column: str, worse: Entry, better: Entry) -> Effect | None:
    left, right = worse.final(column), better.final(column)
    if not left or not right:
        return None
    found = interval([left, right], [known(group, column, [entry]) for entry in (worse, better)])
    return Effect(name, column, worse.name, better.name, left.mean - right.mean, found, (left.n, right.n))
