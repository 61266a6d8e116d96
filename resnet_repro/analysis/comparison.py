"""Compares nets: what differs between them, by how much their errors differ, and whether seeds explain it."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from resnet_repro.analysis import comparison_text
from resnet_repro.analysis.compared import Compared, Net, select, select_from
from resnet_repro.analysis.differences import FieldDifference, differing
from resnet_repro.analysis.groups import COLUMNS
from resnet_repro.analysis.known import known
from resnet_repro.analysis.measures import MEASURES
from resnet_repro.analysis.more_seeds import MOST_SEEDS, in_words, seeds_needed, still_missing
from resnet_repro.analysis.noise import Interval, Known, holm, interval, interval_text
from resnet_repro.errors import RunError
from resnet_repro.record.run import Run
from resnet_repro.text_tables import counted

Verdict = Literal["lower", "higher", "cannot be told apart", "not compared"]
MEASURED = tuple(reversed(COLUMNS))  # the test error first


@dataclass(frozen=True)
class Difference:
    """An error of a net minus that of the base, in points."""

    net: str
    measure: str  # the column of metrics.csv
    label: str
    interval: Interval | None  # of the difference; None if it cannot be computed
    verdict: Verdict  # whether the net's error is lower or higher than that of the base
    more_seeds: dict[str, int] | None = None  # of each net, that would settle it; None if unknown or too many
    reason: str = ""  # why it is not settled
    known: tuple[Known, ...] = ()  # of the spreads of both nets

    @property
    def text(self) -> str:
        """As "+2.43 ± 9.64", empty if there is no interval."""
        return interval_text(self.interval, [0.0], MEASURES[self.measure].digits, "+") if self.interval else ""

    @property
    def ruling(self) -> str:
        """The verdict, and why it is not settled."""
        return f"{self.verdict}; {self.reason}" if self.reason else self.verdict

    def __str__(self) -> str:
        return f"{self.label} of {self.net}: {self.text + ' points, ' if self.text else ''}{self.ruling}"


@dataclass(frozen=True)
class Comparison:
    """Nets beside a base: what differs, and for each net and error the difference, its interval and a verdict."""

    base: Net
    others: tuple[Net, ...]
    fields: tuple[FieldDifference, ...]
    differences: tuple[Difference, ...]  # net after net for the test error, then for the training errors

    @property
    def nets(self) -> tuple[Net, ...]:
        """The base, then the others."""
        return (self.base, *self.others)

    @property
    def has_one_condition(self) -> bool:
        """Whether all nets were trained on the same data by the same schedule."""
        return all(net.group.condition == self.base.group.condition for net in self.others)

    def of(self, net: str, measure: str = "test_error_pct") -> Difference:
        """The difference between the error of a net and that of the base. Raises KeyError."""
        for found in self.differences:
            if (found.net, found.measure) == (net, measure):
                return found
        raise KeyError(f"{net}, {measure}")

    def __str__(self) -> str:
        return comparison_text.as_text(self)

    def _repr_markdown_(self) -> str:
        return comparison_text.as_markdown(self)


def compare(
    runs: Iterable[Run | str | Path] | str | Path,
    base: str | Path,
    results: str | Path = "results",
    notice: Callable[[str], object] = warnings.warn,
) -> Comparison:
    """Compare nets with a base: those of these names or folders, or all among `runs` as from `load_runs`.

    The name of a net is that of its spec; names are looked for below `results`. `notice` is called as by `load_runs`.
    Raises RunError if a name is unknown, or if there is nothing to compare.
    """
    given = [runs] if isinstance(runs, str | Path) else list(runs)
    texts = [text for text in given if not isinstance(text, Run)]
    loaded = [run for run in given if isinstance(run, Run)]
    if texts and loaded:
        raise RunError("compare: takes runs, or names and folders, and not both")
    return _comparison(select_from(loaded, base) if loaded else select(base, texts, Path(results), notice), notice)


def _comparison(selected: Compared, notice: Callable[[str], object]) -> Comparison:
    base, found = selected
    same = {net.name: why for net in found if (why := _why_same(base, net))}
    for name, why in same.items():
        if len(same) == len(found):
            raise RunError(f"{name}: is the same net as {base.name} ({why}); name another one")
        notice(f"{name}: is left out, as it is the same net as {base.name} ({why})")
    others = tuple(net for net in found if net.name not in same)
    fields = differing([net.entry for net in (base, *others)])
    differences = [found for measure in MEASURED for found in _differences(measure, base, others)]
    return Comparison(base, others, fields, tuple(differences))


def _why_same(base: Net, net: Net) -> str:
    """Why no error of the two can differ but by chance; empty if one can."""
    fields = differing([base.entry, net.entry])
    if any(field.changes_errors for field in fields):
        return ""
    alone = ", ".join(field.field for field in fields if not field.is_recorded)
    return f"their specs differ in {alone} alone, which changes no error" if alone else "their specs are equal"


def _differences(measure: str, base: Net, others: Sequence[Net]) -> list[Difference]:
    """The difference of each net from the base. All of one measure have a false verdict in 5 % of cases (Holm)."""
    found = [_difference(measure, base, net) for net in others]
    if not any(net.entry.final(measure) for net in (base, *others)):
        return []
    compared = [one for one in found if one.interval and not one.reason]
    chances = holm([one.interval.p_value(0.0) for one in compared if one.interval], len(found))
    levels = dict(zip(map(id, compared), chances, strict=True))
    nets = {net.name: net for net in others}
    return [_decided(one, base, nets[one.net], levels[id(one)]) if id(one) in levels else one for one in found]


def _difference(measure: str, base: Net, net: Net) -> Difference:
    """The difference with its 95 % interval, undecided; or the reason why there is none."""
    label = net.group.condition.labels[measure]
    ours, theirs = net.entry.final(measure), base.entry.final(measure)
    if reason := _incomparable(measure, base, net):
        return Difference(net.name, measure, label, None, "not compared", reason=reason)
    assert ours
    assert theirs
    accounts = tuple(known(one.group, measure, [one.entry]) for one in (net, base))
    found = interval([ours, theirs], accounts)
    counts = {net.name: ours.n, base.name: theirs.n}
    if found is None:
        single = {name: 1 for name, count in counts.items() if count == 1}
        reason = f"a second seed is needed of {' and '.join(single)}, as a single run shows no spread"
        return Difference(net.name, measure, label, None, "cannot be told apart", single, reason)
    reason = _diverged(base, net)
    return Difference(net.name, measure, label, found, "not compared" if reason else "cannot be told apart",
                      reason=reason, known=accounts)  # fmt: skip


def _incomparable(measure: str, base: Net, net: Net) -> str:
    """Why there is no difference of two nets; empty if there is one."""
    at, of_base = net.group.condition, base.group.condition
    if (at.digest, at.validation_images) != (of_base.digest, of_base.validation_images) or at.data != of_base.data:
        return "it was tested on other images"
    if measure == "train_error_pct" and at.augmentation != of_base.augmentation:
        return "it is measured on images of another augmentation"
    if measure == "train_error_clean_pct" and net.entry.training.clean_images != base.entry.training.clean_images:
        return "it is measured on another number of images"
    for one in (net, base):
        if not one.entry.final(measure):
            if one.entry.finished:
                return f"{one.name} recorded no {at.labels[measure]}"
            return _diverged(one) or f"{one.name} has not finished"
    return ""


def _diverged(*nets: Net) -> str:
    """Which nets diverged in some runs, so that the mean of the others is better than the net; empty if none did."""
    counts = {net.name: [run.status for run in net.entry.runs].count("diverged") for net in nets}
    return " and ".join(
        f"{net.name} diverged in {counts[net.name]} of {counted(len(net.entry.runs), 'run')}"
        for net in nets
        if counts[net.name]
    )


def _decided(found: Difference, base: Net, net: Net, chance: float) -> Difference:
    """The difference with the interval that misses the true one with this chance, and the verdict by it."""
    assert found.interval
    decisive = found.interval.at(chance)
    found = replace(found, interval=decisive)
    if decisive.low > 0 or decisive.high < 0:
        return replace(found, verdict="higher" if decisive.low > 0 else "lower", more_seeds={})
    finals = {one.name: one.entry.final(found.measure) for one in (net, base)}
    counts = {name: final.n for name, final in finals.items() if final}
    needed = seeds_needed(found.known, list(counts.values()), [False, False], abs(decisive.value), chance)
    if needed is None:
        return replace(found, reason=f"even {max(MOST_SEEDS, *counts.values())} seeds of each would not settle it")
    missing = still_missing(needed, counts)
    return replace(found, more_seeds=missing, reason=f"about {_more(missing)} would settle it")


def _more(missing: dict[str, int]) -> str:
    if len(missing) > 1 and len(set(missing.values())) == 1:
        return f"{counted(next(iter(missing.values())), 'more seed')} of each"
    return in_words(missing)
