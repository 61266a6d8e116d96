"""Families of nets that differ in depth alone, in which degradation shows, and why there is none."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from resnet_repro.analysis.differences import differences, in_words, told_apart
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.model import COMES_WITH, default_option
from resnet_repro.spec.naming import is_papers_net, net_name


class DepthFamily(NamedTuple):
    """Nets with finished runs that differ in depth alone, one of each depth, the shallowest first.

    A warm-up may differ too, as only deep nets have one.
    """

    entries: tuple[Entry, ...]

    @property
    def is_plain(self) -> bool:
        return self.entries[0].model.shortcut == "none"

    @property
    def is_papers(self) -> bool:
        """Whether the nets are those of [R] section 4.2, without shortcuts or with the identity."""
        return is_papers_net(self.entries[0].model)

    def of_depth(self, depth: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.model.depth == depth), None)

    def is_plain_twin_of(self, other: "DepthFamily") -> bool:
        """Whether the nets are plain, and the other's are the same with shortcuts, trained alike."""
        ours, theirs = self.entries[0], other.entries[0]
        return self.is_plain and not other.is_plain and _training(ours) == _training(theirs) and (
            _without_depth(ours.model) == _without_depth(_without_shortcut(theirs.model))
        )  # fmt: skip


def depth_families(group: Group) -> list[DepthFamily]:
    """The families of a group, also those of one net; a depth that was trained in several ways is in none."""
    found: dict[object, dict[int, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in group.entries:
        found[_without_depth(entry.model), _training(entry)][entry.model.depth].append(entry)
    kept = [
        [entries[0] for _, entries in sorted(depths.items()) if len(entries) == 1 and entries[0].finished]
        for depths in found.values()
    ]
    return [DepthFamily(tuple(entries)) for entries in kept if entries]


def family_names(families: Sequence[DepthFamily]) -> list[str]:
    """What figures call the families: "plain", "residual (width 4)", with their training if that tells them apart."""
    first = [family.entries[0] for family in families]
    names = [net_name(entry.model).replace(f"-{entry.model.depth}", "", 1) for entry in first]
    names = [f"residual{name.removeprefix('ResNet')}" if name.startswith("ResNet") else name for name in names]
    return told_apart(names, first, {"warmup"})


def why_no_depths(entries: Sequence[Entry]) -> str:
    """Why no two of these nets, of one or of several groups, show the effect of depth alone."""
    depths = {entry.model.depth for entry in entries}
    if len(depths) < 2:
        return f"all nets here have {next(iter(depths), 0)} layers"
    pairs = [(one, other) for one, other in itertools.combinations(entries, 2) if one.model.depth != other.model.depth]
    alike = [(one, other) for one, other in pairs
             if (one.model.shortcut == "none") == (other.model.shortcut == "none")]  # fmt: skip
    return _nearest(alike or pairs, {"depth"})


def why_no_fix(entries: Sequence[Entry]) -> str:
    """Why no plain net of these has a counterpart with shortcuts that is the same otherwise; "" without such pairs."""
    plain = [entry for entry in entries if entry.model.shortcut == "none"]
    pairs = [(one, other) for one in plain for other in entries
             if other.model.shortcut != "none" and other.model.depth == one.model.depth]  # fmt: skip
    return _nearest(pairs, SHORTCUT_FIELDS) if pairs else ""


SHORTCUT_FIELDS = {
    "shortcut",
    "option",
    "unit",
    *(name for name, (owner, _) in COMES_WITH.items() if owner == "shortcut"),
}


def _nearest(pairs: Sequence[tuple[Entry, Entry]], ignored: set[str]) -> str:
    """What else differs between the two nets that differ least, or what they lack."""
    counted = [(differences(one, other, ignored | {"warmup"}), one, other) for one, other in pairs]
    found, one, other = min(counted, key=lambda pair: len(pair[0]))
    if found:
        return f"{one.name} and {other.name} also differ in {in_words(found)}"
    unfinished = [entry.name for entry in (one, other) if not entry.finished]
    if unfinished:
        return f"{' and '.join(unfinished)} {'has' if len(unfinished) == 1 else 'have'} no finished run"
    return f"{one.name} or {other.name} was trained in more than one way; choose one with --nets"


def _without_depth(model: ModelSpec) -> ModelSpec:
    return model.model_copy(update={"depth": 0})


def _without_shortcut(model: ModelSpec) -> ModelSpec:
    usual = {"shortcut": "none", "option": default_option(model.block), "unit": "original"}
    return model.model_copy(update=dict.fromkeys(SHORTCUT_FIELDS) | usual)


def _training(entry: Entry) -> str:
    """What must be equal for two trainings to be compared."""
    return str({name: value for name, value in entry.recipe.items() if name != "warmup"})
