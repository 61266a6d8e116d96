"""Sorts runs into groups whose results may be compared. Needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, Experiment, ModelSpec, TrainingSpec, default_milestones
from resnet_repro.spec.naming import is_papers_net, net_name
from resnet_repro.text_tables import counted

FINAL_COLUMNS = {
    "train_error_pct": "training error %",
    "train_error_clean_pct": "clean training error %",
    "test_error_pct": "test error %",
}
ABOUT_ERRORS = (
    "Training error is the running one, as in the papers' figures: the mean over the augmented mini-batches since the "
    "previous measurement. Clean training error is measured in evaluation mode, without augmentation."
)


@dataclass(frozen=True, eq=False)  # compared by identity, so that it can be a key
class Entry:
    """The runs of one experiment, which differ only in their seeds. `name` is unique within the group."""

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
        """Mean and spread over the finished runs of a column of their last rows; None if no run has finished."""
        rows = [run.final for run in self.finished if run.final]
        return estimate(getattr(row, column) for row in rows) if rows else None


class Condition(NamedTuple):
    """What runs must share to be compared. Learning rates may differ; the title then lists them."""

    data: str
    augmentation: str
    steps: int
    batch_size: int
    milestones: tuple[int, ...]
    gamma: float

    @property
    def is_papers(self) -> bool:
        """Whether this is true CIFAR-10 with the schedule of [R] section 4.2, so that the papers' numbers compare."""
        usual = TrainingSpec()
        schedule = (usual.steps, usual.batch_size, usual.milestones, usual.gamma)
        return self == Condition("CIFAR-10", "crop_flip", *schedule)

    @property
    def images(self) -> int:
        """How many images the net sees in training, repetitions included."""
        return self.steps * self.batch_size

    @property
    def is_short(self) -> bool:
        """Whether there are fewer iterations than in [R] section 4.2."""
        return self.steps < PAPER_STEPS

    @property
    def slug(self) -> str:
        """A part of file names: "cifar-10-400x64"."""
        letters = (letter if letter.isascii() and letter.isalnum() else "-" for letter in self.data.lower())
        data = "".join(letters).strip("-")
        unaugmented = "" if self.augmentation == "crop_flip" else "-unaugmented"
        drops = "" if self.milestones == default_milestones(self.steps) else f"-{'-'.join(map(str, self.milestones))}"
        return f"{data}{unaugmented}-{self.steps}x{self.batch_size}{drops}"


@dataclass(frozen=True)
class Group:
    """Experiments under one condition."""

    condition: Condition
    entries: tuple[Entry, ...]

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    def title(self) -> str:
        """Two lines: data and schedule, and if it is shorter than the paper's; learning rates, devices and seeds."""
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
            + (f" · {unfinished} of {counted(len(self.runs), 'run')} unfinished" if unfinished else "")
        )

    def find(self, shortcut: str, depth: int) -> Entry | None:
        """The paper's net of that shortcut and depth, if exactly one experiment trained it and a run has finished."""
        for entry in self.entries:
            model = entry.model
            if (model.shortcut, model.depth) == (shortcut, depth) and is_papers_net(model):
                return entry if entry.finished and entry.name == net_name(model) else None
        return None


def comparable_groups(runs: Sequence[Run]) -> list[Group]:
    """The groups of runs; the entries of each are sorted: plain nets before residual ones, then by depth."""
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
    """Entries named after their nets, and also after their specs if two experiments train the same net."""
    names = [net_name(runs[0].experiment.model) for runs in found]
    return [
        Entry(name if names.count(name) == 1 else f"{name} [{runs[0].experiment.name}]", tuple(runs))
        for name, runs in zip(names, found, strict=True)
    ]


def _plain_and_shallow_first(entry: Entry) -> tuple[bool, int, str]:
    return entry.model.shortcut != "none", entry.model.depth, entry.name
