"""The two effects that the papers are about, as differences of errors: the degradation and its fix."""

from collections.abc import Sequence
from typing import NamedTuple

from resnet_repro.analysis.families import depth_families, why_no_depths, why_no_fix
from resnet_repro.analysis.groups import COLUMNS, Entry, Group
from resnet_repro.analysis.known import known
from resnet_repro.analysis.noise import ABOUT_BORROWED, BORROWED, Interval, interval

ABOUT_EFFECTS = (
    "Beside a difference of two nets, ± is half the width of its 95 % confidence interval (docs/statistics.md)."
)


def about_effects(found: Sequence["Effect"]) -> str:
    """What ± means beside these effects, and †; empty if there are none."""
    borrowed = any(effect.interval and effect.interval.borrowed for effect in found)
    return " ".join([ABOUT_EFFECTS] * bool(found) + [ABOUT_BORROWED] * borrowed)


class Effect(NamedTuple):
    """The difference in final error between two nets of one group."""

    name: str  # "degradation" (depth, of plain nets), "fix", or "depth" (of nets with shortcuts)
    column: str  # of metrics.csv
    worse: str  # the net expected to have the higher error
    better: str
    points: float  # mean error of `worse` minus that of `better`, in percentage points
    interval: Interval | None  # of the difference; None if no spread is known under these conditions
    n: tuple[int, int]  # number of runs of `worse` and of `better`

    def __str__(self) -> str:
        width = "" if self.interval is None else f" ± {self.interval.half_width:.1f}{BORROWED * self.interval.borrowed}"
        unknown = "" if self.interval else "; a second seed is needed"
        return f"{self.points:+.1f}{width} points (n={self.n[0]}, {self.n[1]}{unknown})"


def effects(group: Group) -> list[Effect]:
    """In each family of nets that differ in depth alone, the deepest against the shallowest: of plain nets, the
    degradation. And the deepest plain net against each net of its depth that has shortcuts besides: the fix.

    Nets that were trained differently, such as with other learning rates, are not compared.
    """
    families = depth_families(group)
    plain = [family for family in families if family.is_plain]
    pairs: list[tuple[str, Entry, Entry | None]] = []
    for family in plain:
        deepest = family.entries[-1]
        pairs.append(("degradation", deepest, family.entries[0]))
        pairs += [
            ("fix", deepest, other.of_depth(deepest.model.depth))
            for other in families
            if family.is_plain_twin_of(other)
        ]
    pairs += [("depth", family.entries[-1], family.entries[0]) for family in families if family not in plain]
    return [
        effect
        for name, deep, other in pairs
        for column in (COLUMNS[0], COLUMNS[-1])
        if other and other is not deep and (effect := _effect(group, name, column, deep, other))
    ]


def effect_lines(group: Group) -> list[str]:
    """The effects in words, and if there is none of one kind, what else differs between the nets that come nearest."""
    found = effects(group)
    lines = [
        f"{effect.name}: {effect.worse} against {effect.better}, {group.condition.labels[effect.column]}: {effect}"
        for effect in found
    ]
    if len({entry.model.depth for entry in group.entries}) > 1 and not {"degradation", "depth"} & _names(found):
        lines.append(f"degradation: no two nets differ in depth alone; {why_no_depths(group.entries)}")
    if "fix" not in _names(found) and (why := why_no_fix(group.entries)):
        lines.append(f"fix: no two nets differ in their shortcuts alone; {why}")
    return lines


def _names(found: Sequence[Effect]) -> set[str]:
    return {effect.name for effect in found}


def _effect(group: Group, name: str, column: str, worse: Entry, better: Entry) -> Effect | None:
    left, right = worse.final(column), better.final(column)
    if not left or not right:
        return None
    found = interval([left, right], [known(group, column, [entry]) for entry in (worse, better)])
    return Effect(name, column, worse.name, better.name, left.mean - right.mean, found, (left.n, right.n))
