"""What runs must share to be compared: data and schedule."""

import re
from typing import NamedTuple

from resnet_repro.papers.data import CIFAR10_DIGEST
from resnet_repro.spec import PAPER_STEPS, TrainingSpec, default_milestones

COLUMNS = ("train_error_pct", "train_error_clean_pct", "test_error_pct")  # of metrics.csv: the final errors


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
    grown: bool = False  # whether nets start from those of other runs, not from random weights

    @property
    def is_papers(self) -> bool:
        """Whether the data and the schedule are those of [R] section 4.2, so that the papers' numbers compare."""
        usual = TrainingSpec()
        schedule = (self.augmentation, self.steps, self.batch_size, self.milestones, self.gamma, self.grown)
        papers = ("crop_flip", usual.steps, usual.batch_size, usual.milestones, usual.gamma, False)
        return self.has_papers_data and schedule == papers

    @property
    def has_papers_data(self) -> bool:
        """Whether nets are tested on the test set of the true CIFAR-10."""
        return self.digest == CIFAR10_DIGEST and not self.validation_images

    def opens_as_papers(self, steps: int) -> bool:
        """Whether the first steps are on the images of [R] section 4.2, and before any drop of the learning rate."""
        usual = TrainingSpec()
        same_images = (self.augmentation, self.batch_size, self.grown) == ("crop_flip", usual.batch_size, False)
        return self.has_papers_data and same_images and steps <= min((self.steps, *self.milestones))

    def has_same_images(self, other: "Condition") -> bool:
        """Whether nets see the same images in equal steps and are tested on the same ones."""
        return self[:4] == other[:4] and self.batch_size == other.batch_size

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
        factor = "" if self.gamma == TrainingSpec().gamma else f"-gamma-{self.gamma!r}"
        return f"{data}{unaugmented}-{self.steps}x{self.batch_size}{drops}{factor}{'-grown' * self.grown}"
