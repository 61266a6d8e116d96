"""The captions of figures: what a figure shows, how to read it, and from which conditions and runs it is."""

from collections.abc import Sequence
from typing import NamedTuple

from resnet_repro.analysis.groups import Condition, Entry
from resnet_repro.errors import printable
from resnet_repro.nearest import listed
from resnet_repro.papers.data import CIFAR10_DIGEST
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS
from resnet_repro.text_tables import counted

ABOUT_RUNNING = "Training error is running: the mean over the augmented mini-batches since the previous point."

ABOUT_LAST_EPOCH = (
    "Training error is running: over the augmented mini-batches of the last whole epoch, or quarter of the run."
)


class Caption(NamedTuple):
    """The sentences of a caption. `shows` also serves as the description for readers who cannot see the figure."""

    shows: str
    reading: str
    entries: Sequence[Entry]  # the nets in the figure

    def text(self, condition: Condition) -> str:
        """Three paragraphs: what the figure shows and how to read it, the conditions, the runs."""
        return self.under([conditions_in_words(condition, self.entries)])

    def under(self, conditions: Sequence[str]) -> str:
        """The same with these paragraphs about the conditions."""
        paragraphs = (f"{self.shows} {self.reading}", *conditions, _runs(self.entries))
        return "\n\n".join(printable(paragraph) for paragraph in paragraphs) + "\n"


def conditions_in_words(at: Condition, entries: Sequence[Entry]) -> str:
    """Data, schedule, devices and precisions of nets that were trained under these conditions, as sentences."""
    runs = [run for entry in entries for run in entry.runs]
    exact = at.digest == CIFAR10_DIGEST
    data = "the true CIFAR-10, recognised by its digest" if exact else f"{at.data}; this is not the true CIFAR-10"
    if exact and at.validation_images:
        data = f"{at.data}, from {data}"
    views = "random crops and flips" if at.augmentation == "crop_flip" else "no augmentation"
    rates = listed([f"{rate:g}" for rate in sorted({entry.training.learning_rate for entry in entries})], "or")
    drops = f", times {at.gamma:g} after step {listed([f'{step:,}' for step in at.milestones])}"
    short = f"a short schedule; the paper's has {PAPER_STEPS:,} steps" if at.is_short else ""
    short = "the paper's schedule" if at.is_papers else short
    precisions = listed(sorted({run.precision for run in runs}))
    devices = listed(sorted({run.device_name for run in runs}))
    return (
        f"Data: {data}, with {views}. Schedule: {at.steps:,} steps of {at.batch_size} images"
        f"{f' ({short})' if short else ''}, learning rate {rates}{drops if at.milestones else ''}. Device: "
        f"{devices}. Precision: {precisions}."
    )


def _runs(entries: Sequence[Entry]) -> str:
    runs = [run for entry in entries for run in entry.runs]
    mixed = len({run.precision for run in runs}) > 1
    precisions = {entry: f", {entry.runs[0].precision}" if mixed else "" for entry in entries}
    nets = [
        f"{entry.name} ({entry.runs[0].experiment.name}, {_seeds(entry.runs)}{precisions[entry]})" for entry in entries
    ]
    left_out = sum(run.left_out for run in runs)
    diverged = [f"{run.experiment.label} at step {run.summary['steps']:,}" for run in runs if run.status == "diverged"]
    unfinished = [
        f"{run.experiment.label} at step {run.final.step if run.final else 0:,} of {run.experiment.training.steps:,}"
        for run in runs
        if run.status not in ("finished", "diverged")
    ]
    return (
        f"Runs: {'; '.join(nets)}."
        + (f" Diverged: {listed(diverged)}." if diverged else "")
        + (f" Not finished: {listed(unfinished)}." if unfinished else "")
        + (f" Left out: {counted(left_out, 'repeat')} of these runs." if left_out else "")
    )


def _seeds(runs: Sequence[Run]) -> str:
    """The seeds in words: "seed 0", "seeds 0 to 2", "seeds 0, 2 and 5"."""
    seeds = sorted(run.experiment.seed for run in runs)
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {listed([str(seed) for seed in seeds])}"
