"""Sorts runs into groups whose results may be compared. Needs no torch."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.papers.data import CIFAR10_DIGEST
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, Experiment, ModelSpec, TrainingSpec, default_milestones
from resnet_repro.spec.naming import net_name
from resnet_repro.text_tables import counted

COLUMNS = ("train_error_pct", "train_error_clean_pct", "test_error_pct")  # of metrics.csv: the final errors
# Fields of `training` that change how a run is recorded or computed, but its result only in the last digits. What the
# precision was is recorded, whatever the spec asked for.
BOOKKEEPING = {"evaluate_every", "record_every", "clean_images", "precision", "recompute"}
ABOUT_ERRORS = (
    "Training error is the running one, as in the papers' figures: the mean over the augmented mini-batches of the "
    "last whole epoch, or of the last quarter of a run that is shorter. Clean training error is measured in "
    "evaluation mode, without augmentation."
)
ABOUT_SPREAD = "Beside a mean over n runs, ± is one standard deviation of the runs."


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
    def recipe(self) -> dict[str, object]:
        """What must be equal in two trainings for their results to be pooled or compared: schedule and precision."""
        return {**self.training.model_dump(exclude=BOOKKEEPING), "precision": self.runs[0].precision}

    def training_differences(self, other: "Entry") -> list[str]:
        """In what two nets were trained differently, except the warm-up, which only deep nets have."""
        theirs = other.recipe
        return [field for field, value in self.recipe.items() if value != theirs[field] and field != "warmup"]

    @property
    def finished(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.status == "finished")

    def final(self, column: str) -> Estimate | None:
        """Mean and spread over the finished runs of their results in a column; None if no run has finished."""
        values = [value for run in self.finished if (value := run.result(column)) is not None]
        return estimate(values) if values else None

    def final_text(self, column: str) -> str:
        """As "15.59 ± 0.26 (n=2, 1 diverged)", with the runs that do not count; their states if no run has finished."""
        found, missing = self.final(column), uncounted(self.runs)
        return found.text(also=missing) if found else ", ".join(missing)


def uncounted(runs: Iterable[Run]) -> list[str]:
    """The runs that are not in a mean, by state: "1 diverged", "2 repeats left out"."""
    runs = list(runs)
    states = Counter(run.status for run in runs if run.status != "finished")
    left_out = sum(run.left_out for run in runs)
    return [f"{count} {state}" for state, count in sorted(states.items())] + (
        [f"{counted(left_out, 'repeat')} left out"] if left_out else []
    )


class Condition(NamedTuple):
    """What runs must share to stand in one table. Learning rates and precisions may differ; the title lists them."""

    data: str  # its name, with the images that nets are tested on if these are not the test set
    digest: str  # of the data, which alone says what they are
    validation_images: int  # held out of the training images; nets are tested on them, if there are any
    augmentation: str
    steps: int
    batch_size: int
    milestones: tuple[int, ...]
    gamma: float

    @property
    def is_papers(self) -> bool:
        """Whether the data and the schedule are those of [R] section 4.2, so that the papers' numbers compare."""
        usual = TrainingSpec()
        schedule = (self.augmentation, self.steps, self.batch_size, self.milestones, self.gamma)
        return self.has_papers_data and schedule == ("crop_flip", usual.steps, usual.batch_size, usual.milestones,
                                                     usual.gamma)  # fmt: skip

    @property
    def has_papers_data(self) -> bool:
        """Whether nets are tested on the test set of the true CIFAR-10."""
        return self.digest == CIFAR10_DIGEST and not self.validation_images

    @property
    def weight(self) -> tuple[bool, bool, int]:
        """The sort key of conditions: the papers' own, their data, the longest schedule."""
        return self.is_papers, self.has_papers_data, self.images

    @property
    def test_label(self) -> str:
        """What the column test_error_pct holds."""
        return "validation error" if self.validation_images else "test error"

    @property
    def labels(self) -> dict[str, str]:
        """The names of COLUMNS."""
        return dict(zip(COLUMNS, ("training error", "clean training error", self.test_label), strict=True))

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
        data = re.sub("[^a-z0-9]+", "-", self.data.lower()).strip("-")
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

    @property
    def is_mixed(self) -> bool:
        """Whether its nets were trained in several precisions."""
        return len({run.precision for run in self.runs}) > 1

    def only(self, entries: Sequence[Entry]) -> "Group":
        """The group of some of the entries, as a figure's title should name the conditions of what it draws."""
        return Group(self.condition, tuple(entries))

    def title(self) -> str:
        """Two lines: data and schedule, and if it is a short one; learning rates, devices, precisions and seeds."""
        at = self.condition
        rates = sorted({entry.training.learning_rate for entry in self.entries})
        drops = f", ×{at.gamma:g} after {' and '.join(map(str, at.milestones))}" if at.milestones else ""
        short = f" (short: the paper's schedule has {PAPER_STEPS})" if at.is_short else ""
        unaugmented = "" if at.augmentation == "crop_flip" else ", no augmentation"
        devices = sorted({run.device_name for run in self.runs})
        precisions = sorted({run.precision for run in self.runs})
        counts = sorted({len(entry.runs) for entry in self.entries})
        missing, repeats = uncounted(self.runs), sum(run.left_out for run in self.runs)
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return (
            f"{at.data}{unaugmented} · {at.steps} steps of {at.batch_size}{short}\n"
            f"learning rate {' or '.join(f'{rate:g}' for rate in rates)}{drops} · "
            f"{', '.join(devices)} · {' or '.join(precisions)} · {seeds} seed{'' if seeds == '1' else 's'} per net"
            + (f" · of {counted(len(self.runs) + repeats, 'run')} {', '.join(missing)}" if missing else "")
        )


def comparable_groups(runs: Sequence[Run]) -> list[Group]:
    """The groups of runs; the entries of each are sorted: plain nets before residual ones, then by depth."""
    groups: dict[Condition, dict[tuple[Experiment, str, str], list[Run]]] = {}
    for run in runs:
        experiment = run.experiment
        training, data = experiment.training, experiment.data
        condition = Condition(run.data_name, run.digest, data.validation_images, data.augmentation, training.steps,
                              training.batch_size, training.milestones, training.gamma)  # fmt: skip
        same = experiment.model_copy(update={"seed": 0, "name": ""})
        groups.setdefault(condition, {}).setdefault((same, run.precision, run.imported), []).append(run)
    return [
        Group(condition, tuple(sorted(_entries(list(found.values())), key=_plain_and_shallow_first)))
        for condition, found in sorted(groups.items())
    ]


def _entries(found: list[list[Run]]) -> list[Entry]:
    """Entries named after their nets, and if several have that name, after what tells them apart as well."""
    names = [net_name(runs[0].experiment.model) for runs in found]
    for more in APART:
        texts = [more(runs[0]) for runs in found]
        several = {name for name in names if len({t for n, t in zip(names, texts, strict=True) if n == name}) > 1}
        names = [f"{name} [{text}]" if name in several else name for name, text in zip(names, texts, strict=True)]
    return [Entry(name, tuple(runs)) for name, runs in zip(names, found, strict=True)]


# What tells trainings of one net apart: their specs, precisions, own files, results folders, or else their run folders.
APART: tuple[Callable[[Run], str], ...] = (
    lambda run: run.experiment.name,
    lambda run: run.precision,
    lambda run: run.imported,
    lambda run: run.path.as_posix().removesuffix(f"/{run.experiment.label}"),
    lambda run: run.path.as_posix(),
)


def _plain_and_shallow_first(entry: Entry) -> tuple[bool, int, str]:
    return entry.model.shortcut != "none", entry.model.depth, entry.name
