"""Sorts runs into groups whose results may be compared. Needs no torch."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from resnet_repro.analysis.condition import COLUMNS as COLUMNS
from resnet_repro.analysis.condition import Condition as Condition
from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.record.run import Run, with_recorded_precision
from resnet_repro.spec import Experiment, ModelSpec, StartSpec, TrainingSpec
from resnet_repro.spec.naming import drops_phrase, net_name, schedule_phrase
from resnet_repro.text_tables import counted

LENGTH = {"steps", "milestones"}  # fields of `training` that say how long a net trains, and when its rate drops
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
    def start(self) -> StartSpec | None:
        """The run from whose net the runs start; None if they start from random weights."""
        return self.runs[0].experiment.start

    @property
    def imported(self) -> str:
        """The user's own files that its nets need, with their digests; empty if there are none."""
        return self.runs[0].imported

    @property
    def steps_in_all(self) -> int:
        """The steps of training of its nets, with those of the nets from which they start."""
        return self.training.steps + self.runs[0].steps_before

    @property
    def recipe(self) -> dict[str, object]:
        """What must be equal in two trainings for results to be pooled or compared: schedule, precision and start."""
        start = self.start and (self.start, self.runs[0].steps_before)
        return {
            **self.training.model_dump(exclude=BOOKKEEPING), "precision": self.runs[0].precision, "start": start
        }  # fmt: skip

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


@dataclass(frozen=True)
class Group:
    """Experiments under one condition."""

    condition: Condition
    entries: tuple[Entry, ...]
    beside: tuple[Entry, ...] = ()  # of other groups, if its nets are grown: see `steps_in_all`

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    @property
    def is_mixed(self) -> bool:
        """Whether its nets were trained in several precisions."""
        return len({run.precision for run in self.runs}) > 1

    def by_precision(self) -> list["Group"]:
        """The parts of a group in which a net was trained in several precisions, which are never compared; else it."""
        of_model: dict[ModelSpec, set[str]] = {}
        for run in self.runs:
            of_model.setdefault(run.experiment.model, set()).add(run.precision)
        if max(map(len, of_model.values())) == 1:
            return [self]
        precisions = sorted({run.precision for run in self.runs})
        return [self.only([entry for entry in self.entries if entry.runs[0].precision == one]) for one in precisions]

    def only(self, entries: Sequence[Entry]) -> "Group":
        """The group of some of the entries, as a figure's title should name the conditions of what it draws."""
        return replace(self, entries=tuple(entries))

    def title(self) -> str:
        """Two lines: data and schedule, and if it is a short one; learning rates, devices, precisions and seeds."""
        at = self.condition
        rates = sorted({entry.training.learning_rate for entry in self.entries})
        schedule = self.entries[0].training
        unaugmented = "" if at.augmentation == "crop_flip" else ", no augmentation"
        grown = "grown nets trained on for " if at.grown else ""
        devices = sorted({run.device_name for run in self.runs})
        precisions = sorted({run.precision for run in self.runs})
        counts = sorted({len(entry.runs) for entry in self.entries})
        missing, repeats = uncounted(self.runs), sum(run.left_out for run in self.runs)
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return (
            f"{at.data}{unaugmented} · {grown}{schedule_phrase(schedule)}\n"
            f"learning rate {' or '.join(f'{rate:g}' for rate in rates)}{drops_phrase(schedule)} · "
            f"{', '.join(devices)} · {' or '.join(precisions)} · {seeds} seed{'' if seeds == '1' else 's'} per net"
            + (f" · of {counted(len(self.runs) + repeats, 'run')} {', '.join(missing)}" if missing else "")
        )


def comparable_groups(runs: Sequence[Run]) -> list[Group]:
    """The groups of runs; the entries of each are sorted: plain nets before residual ones, then by depth."""
    groups: dict[Condition, dict[tuple[Experiment, str, str, int], list[Run]]] = {}
    for run in runs:
        experiment = run.experiment
        training, data = experiment.training, experiment.data
        condition = Condition(run.data_name, run.digest, data.validation_images, data.augmentation, training.steps,
                              training.batch_size, training.milestones, training.gamma,
                              experiment.start is not None)  # fmt: skip
        same = with_recorded_precision(run).model_copy(update={"seed": 0, "name": ""})
        recorded = run.precision, run.imported, run.steps_before
        groups.setdefault(condition, {}).setdefault((same, *recorded), []).append(run)
    sorted_groups = [
        Group(condition, tuple(sorted(_entries(list(found.values())), key=_plain_and_shallow_first)))
        for condition, found in sorted(groups.items())
    ]
    return [replace(group, beside=_beside(group, sorted_groups)) for group in sorted_groups]


def _beside(group: Group, groups: Sequence[Group]) -> tuple[Entry, ...]:
    """The nets from which the nets of a group have grown, and these nets from random weights, as long in all."""
    sources = {run.experiment.source for run in group.runs}
    lengths = {(entry.model, entry.steps_in_all) for entry in group.entries}
    at = group.condition
    return tuple(
        entry
        for other in groups if at.grown and other.condition.has_same_images(at)
        for entry in other.entries
        if any(run.experiment.label in sources for run in entry.runs)
        or (not entry.start and (entry.model, entry.training.steps) in lengths)
    )  # fmt: skip


def _entries(found: list[list[Run]]) -> list[Entry]:
    """Entries named after their nets, and if several have that name, after what tells them apart as well."""
    names = [entry_name(runs[0].experiment) for runs in found]
    for more in APART:
        texts = [more(runs[0]) for runs in found]
        several = {name for name in names if len({t for n, t in zip(names, texts, strict=True) if n == name}) > 1}
        names = [f"{name} [{text}]" if name in several else name for name, text in zip(names, texts, strict=True)]
    return [Entry(name, tuple(runs)) for name, runs in zip(names, found, strict=True)]


def entry_name(experiment: Experiment) -> str:
    """The name of a net, and whether it has grown from a trained one: "plain-56 grown"."""
    return net_name(experiment.model) + " grown" * (experiment.start is not None)


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
