"""Runs become groups that may be compared, and groups become tables. Reads run folders; never imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, Experiment, ModelSpec, TrainingSpec, default_milestones
from resnet_repro.spec.naming import is_papers_net, net_name

FINAL_COLUMNS = {
    "train_error_pct": "training error %",
    "train_error_clean_pct": "clean training error %",
    "test_error_pct": "test error %",
}


@dataclass(frozen=True, eq=False)  # each is itself, and may be a key
class Entry:
    """The runs of one experiment, which differ in their seeds only, under a name unique in their group."""

    name: str
    runs: tuple[Run, ...]

    @property
    def model(self) -> ModelSpec:
        return self.runs[0].experiment.model

    @property
    def training(self) -> TrainingSpec:
        return self.runs[0].experiment.training

    @property
    def finished(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.status == "finished")

    def final(self, column: str) -> Estimate | None:
        """The last row's value of a column over the finished runs; None if none has finished."""
        rows = [run.final for run in self.finished if run.final]
        return estimate(getattr(row, column) for row in rows) if rows else None


class Condition(NamedTuple):
    """What runs must share to stand in one figure. Learning rates may differ; the title then names each."""

    data: str
    augmentation: str
    steps: int
    batch_size: int
    milestones: tuple[int, ...]
    gamma: float

    @property
    def is_papers(self) -> bool:
        """True CIFAR-10 under the schedule of [R] section 4.2, so that the papers' numbers may stand beside ours."""
        usual = TrainingSpec()
        schedule = (usual.steps, usual.batch_size, usual.milestones, usual.gamma)
        return self == Condition("CIFAR-10", "crop_flip", *schedule)

    @property
    def images(self) -> int:
        """Seen in training, counted each time."""
        return self.steps * self.batch_size

    @property
    def is_short(self) -> bool:
        """Fewer iterations than [R] section 4.2."""
        return self.steps < PAPER_STEPS

    @property
    def slug(self) -> str:
        """A file name: "cifar-10-400x64"."""
        data = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in self.data.lower()).strip(
            "-"
        )
        plain = "" if self.augmentation == "crop_flip" else "-unaugmented"
        drops = "" if self.milestones == default_milestones(self.steps) else f"-{'-'.join(map(str, self.milestones))}"
        return f"{data}{plain}-{self.steps}x{self.batch_size}{drops}"


@dataclass(frozen=True)
class Group:
    """Experiments that may stand in one figure."""

    condition: Condition
    entries: tuple[Entry, ...]

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    def title(self) -> str:
        """Data, schedule, device and seeds, and whether the schedule is shorter than the paper's."""
        at = self.condition
        rates = sorted({entry.training.learning_rate for entry in self.entries})
        drops = f", ×{at.gamma:g} after {' and '.join(map(str, at.milestones))}" if at.milestones else ""
        short = f" (short: the paper's schedule has {PAPER_STEPS})" if at.is_short else ""
        unaugmented = "" if at.augmentation == "crop_flip" else ", no augmentation"
        devices = sorted({run.device_name for run in self.runs})
        counts = sorted({len(entry.runs) for entry in self.entries})
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        unfinished = sum(run.status in ("unfinished", "interrupted") for run in self.runs)
        return (
            f"{at.data}{unaugmented} · {at.steps} steps of {at.batch_size}{short}\n"
            f"learning rate {' or '.join(f'{rate:g}' for rate in rates)}{drops} · "
            f"{', '.join(devices)} · {seeds} seed{'' if seeds == '1' else 's'} per net"
            + (f" · {unfinished} of {len(self.runs)} runs unfinished" if unfinished else "")
        )

    def find(self, shortcut: str, depth: int) -> Entry | None:
        """The paper's own net of that kind and depth, with BN and finished, if one experiment alone has it."""
        for entry in self.entries:
            model = entry.model
            if (model.shortcut, model.depth) == (shortcut, depth) and is_papers_net(model):
                return entry if entry.finished and entry.name == net_name(model) else None
        return None


def comparable_groups(runs: Sequence[Run]) -> list[Group]:
    """Runs sorted into groups, and within each into experiments from shallow to deep, plain before residual."""
    groups: dict[Condition, dict[Experiment, list[Run]]] = {}
    for run in runs:
        experiment = run.experiment
        training = experiment.training
        condition = Condition(run.data_name, experiment.data.augmentation, training.steps, training.batch_size,
                              training.milestones, training.gamma)  # fmt: skip
        same = experiment.model_copy(update={"seed": 0, "name": ""})
        groups.setdefault(condition, {}).setdefault(same, []).append(run)
    return [
        Group(condition, tuple(sorted(_entries(list(found.values())), key=_plain_and_shallow_first)))
        for condition, found in sorted(groups.items())
    ]


def _entries(found: list[list[Run]]) -> list[Entry]:
    """Name each experiment by its net, and by its spec as well where two train the same net differently."""
    names = [net_name(runs[0].experiment.model) for runs in found]
    return [
        Entry(name if names.count(name) == 1 else f"{name} [{runs[0].experiment.name}]", tuple(runs))
        for name, runs in zip(names, found, strict=True)
    ]


def _plain_and_shallow_first(entry: Entry) -> tuple[bool, int, str]:
    return entry.model.shortcut != "none", entry.model.depth, entry.name
