"""What is known of a claim: a verdict has a ruling for each set of conditions, a ruling the evidence of each check."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from resnet_repro.analysis.estimate import Estimate
from resnet_repro.analysis.groups import Group
from resnet_repro.papers import Check, Claim
from resnet_repro.record.run import Run

Outcome = Literal["reproduced", "contradicted", "inconclusive", "not run"]


class Interval(NamedTuple):
    """A difference between two nets, or a value of one, with its 95 % confidence interval."""

    value: float
    half_width: float
    basis: str  # where the half-width is from: "Welch", "a single run: ..."
    borrowed: bool = False  # whether the spread is not that of the nets' own seeds

    @property
    def low(self) -> float:
        return self.value - self.half_width

    @property
    def high(self) -> float:
        return self.value + self.half_width


@dataclass(frozen=True)
class Sample:
    """The runs of one net under one set of conditions, and what they came to in one measure."""

    net: str  # a name in published.NETS
    name: str  # as in tables: "plain-56"
    runs: tuple[Run, ...]  # that hold the measure
    estimate: Estimate | None
    diverged: int = 0  # runs, which hold no result
    fault: str = ""  # why there is no estimate, though there are runs

    @property
    def is_absent(self) -> bool:
        """Whether the net was not trained at all under these conditions."""
        return self.estimate is None and not self.fault


@dataclass(frozen=True)
class Evidence:
    """One check of a claim under one set of conditions."""

    check: Check
    group: Group
    left: Sample
    right: Sample | None  # None where a value of one net is checked
    interval: Interval | None  # None where it cannot be told
    outcome: Outcome
    missing: str = ""  # what it would take if inconclusive, but for nets that were not trained

    @property
    def samples(self) -> list[Sample]:
        return [self.left] if self.right is None else [self.left, self.right]


@dataclass(frozen=True)
class Ruling:
    """A claim under one set of conditions; one that holds or fails under any of them, under all there are."""

    claim: Claim
    evidence: tuple[Evidence, ...]
    outcome: Outcome

    @property
    def groups(self) -> list[Group]:
        """Those whose nets were compared."""
        compared = [found.group for found in self.evidence if found.outcome != "not run"]
        return list(dict.fromkeys(compared or [self.evidence[0].group]))

    @property
    def setting(self) -> str:
        """Empty under the paper's own conditions; else what keeps this from counting as the paper's."""
        at = self.groups[0].condition
        if at.is_papers or self.claim.scope == "any":
            return ""
        if at.data != "CIFAR-10":
            return f"on {at.data}, not on CIFAR-10"
        part = ", in part" if len(self.evidence) < len(self.claim.checks) else ""
        return f"short schedule{part}" if at.is_short else f"other conditions{part}"

    @property
    def missing(self) -> str:
        """What it would take to tell; empty where it is told."""
        if self.outcome in ("reproduced", "contradicted"):
            return ""
        absent = dict.fromkeys(sample.name for found in self.evidence for sample in found.samples if sample.is_absent)
        needs = [f"needs {', '.join(absent)}"] if absent else []
        return "; ".join([*needs, *dict.fromkeys(found.missing for found in self.evidence if found.missing)])


@dataclass(frozen=True)
class Verdict:
    """All that the runs say about a claim, the ruling that counts most first."""

    claim: Claim
    rulings: tuple[Ruling, ...]
    full_length: bool = False  # whether only runs under the papers' conditions were looked at

    @property
    def ruling(self) -> Ruling | None:
        """The paper's own conditions if anything was run under them, else the longest schedule that decides it."""
        return self.rulings[0] if self.rulings else None

    @property
    def outcome(self) -> Outcome:
        return self.ruling.outcome if self.ruling else "not run"

    @property
    def setting(self) -> str:
        return self.ruling.setting if self.ruling else ""

    @property
    def missing(self) -> str:
        if self.ruling:
            return self.ruling.missing
        full = self.claim.scope == "full" or self.full_length
        length = ", at full length" if full else ", at a tenth of it or more" if self.claim.scope == "tenth" else ""
        return f"needs {', '.join(self.claim.nets)}{length}"
