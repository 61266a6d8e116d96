"""The parts of a verdict: it has a ruling for each set of conditions; a ruling has the evidence for each check."""

from dataclasses import dataclass
from typing import Literal, get_args

from resnet_repro.analysis.estimate import Estimate
from resnet_repro.analysis.groups import Entry, Group, uncounted
from resnet_repro.analysis.noise import Interval, Known
from resnet_repro.papers import Check, Claim
from resnet_repro.papers.claims import OPENING
from resnet_repro.record.run import Run

Outcome = Literal["reproduced", "contradicted", "inconclusive", "not run"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
LENGTHS = {
    "full": ", at full length",
    "tenth": ", at a tenth of it or more",
    "opening": f", for {OPENING:,} steps or more",
}
ABOUT_OUTCOMES = (
    "A claim is reproduced if the confidence intervals of all its comparisons lie within the bounds that it states, "
    "contradicted if one lies wholly outside, not run if its nets were not trained, and inconclusive otherwise. "
    'Its verdict is that of the longest schedule; "in part" means that a comparison needs the papers\' full length and '
    "is still missing. docs/statistics.md explains the rules and tests them."
)
ABOUT_INTERVALS = (
    "Beside a difference, ± is half the width of its 95 % confidence interval; of a higher one where one of several "
    "comparisons speaks against its claim (Holm), so that a claim gets a false verdict in 5 % of cases at most, "
    "if the number of seeds was fixed beforehand."
)


@dataclass(frozen=True)
class NetResult:
    """The runs of one net under one set of conditions, with the mean and spread of one measure."""

    net: str  # a name in papers.NETS
    name: str  # as printed: "plain-56"
    runs: tuple[Run, ...]  # those that recorded the measure
    estimate: Estimate | None
    entries: tuple[Entry, ...] = ()  # whose runs these are, and others without a result
    diverged: int = 0  # how many runs diverged; they have no result
    fault: str = ""  # why runs exist but no estimate

    @property
    def uncounted(self) -> list[str]:
        """The runs of the net that are not in the mean, by state: "1 diverged"."""
        return uncounted(run for entry in self.entries for run in entry.runs)

    @property
    def is_absent(self) -> bool:
        """Whether the net was not trained under these conditions."""
        return self.estimate is None and not self.fault


@dataclass(frozen=True)
class Evidence:
    """What the runs of one set of conditions say about one check of a claim."""

    check: Check
    group: Group
    left: NetResult
    right: NetResult | None  # None if the check is about one net
    interval: Interval | None  # None if it cannot be computed
    outcome: Outcome
    missing: str = ""  # what an inconclusive check needs, other than nets that were not trained
    is_compared: bool = False  # whether the interval decides the outcome, together with those of the other checks
    known: tuple[Known, ...] = ()  # of the nets' spread, if so

    @property
    def results(self) -> list[NetResult]:
        return [self.left] if self.right is None else [self.left, self.right]


@dataclass(frozen=True)
class Ruling:
    """The ruling on a claim under one set of conditions (scopes "any" and "opening": all that can judge it)."""

    claim: Claim
    evidence: tuple[Evidence, ...]
    outcome: Outcome

    @property
    def groups(self) -> list[Group]:
        """The groups whose nets were compared."""
        compared = [found.group for found in self.evidence if found.outcome != "not run"]
        return list(dict.fromkeys(compared or [self.evidence[0].group]))

    @property
    def setting(self) -> str:
        """How the conditions differ from the paper's, such as "short schedule"; empty if they do not.

        "In part" is said if a comparison is missing that needs the papers' conditions.
        """
        if self.claim.scope == "any":
            return ""
        others = [group.condition for group in self.groups if not group.condition.is_papers]
        lacks = len(self.evidence) < len(self.claim.checks)
        if not others:
            return "in part" if lacks else ""
        at = others[0]
        if not at.has_papers_data:
            return f"on {at.data}, not on the test set of CIFAR-10" if at.validation_images else (
                f"on {at.data}, not on CIFAR-10")  # fmt: skip
        part = ", in part" if lacks else ""
        return f"short schedule{part}" if at.is_short else f"other conditions{part}"

    @property
    def missing(self) -> str:
        """What is needed to decide the claim; empty if it is decided."""
        if self.outcome in ("reproduced", "contradicted"):
            return ""
        absent = dict.fromkeys(result.name for found in self.evidence for result in found.results if result.is_absent)
        needs = [f"needs {', '.join(absent)}"] if absent else []
        return "; ".join([*needs, *dict.fromkeys(found.missing for found in self.evidence if found.missing)])


@dataclass(frozen=True)
class Verdict:
    """All rulings on a claim: under the paper's conditions, else on its data, and then the longest schedule first."""

    claim: Claim
    rulings: tuple[Ruling, ...]
    full_length: bool = False  # whether only runs under the papers' conditions were used

    @property
    def ruling(self) -> Ruling | None:
        """The first ruling, whose outcome is the verdict's."""
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
        length = ", at full length" if self.full_length else LENGTHS.get(self.claim.scope, "")
        return f"needs {', '.join(self.claim.nets)}{length}"
