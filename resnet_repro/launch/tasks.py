"""The work that each run of a command has left, counted before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_repro.describe import Description, describe
from resnet_repro.record.folder import FolderStatus
from resnet_repro.spec import Experiment, ModelSpec

Nets = dict[ModelSpec, Description]


@dataclass(frozen=True)
class Task:
    """A run that a command asks for, and the steps it has done already."""

    experiment: Experiment
    status: FolderStatus
    steps_done: int = 0
    tier: int = 0  # all runs of a tier start before those of the next
    fault: str = ""  # why its folder cannot be used

    @property
    def label(self) -> str:
        return self.experiment.label

    @property
    def is_ended(self) -> bool:
        return self.status in ("finished", "diverged")

    @property
    def steps_left(self) -> int:
        return 0 if self.is_ended else self.experiment.training.steps - self.steps_done

    @property
    def training_images(self) -> int:
        """Training images in the steps left."""
        return self.steps_left * self.experiment.training.batch_size

    @property
    def evaluation_images(self) -> int:
        """Images in the evaluations left: one every `evaluate_every` steps, and one after the last step."""
        if not self.steps_left:
            return 0
        training, data = self.experiment.training, self.experiment.data
        every = self.experiment.steps_of(training.evaluate_every)
        evaluations = -(-training.steps // every) - self.steps_done // every
        return evaluations * (
            min(training.clean_images, data.epoch_images) + (data.validation_images or data.test_images)
        )

    def training_work(self, nets: Nets) -> int:
        """Multiply-adds of the training left.

        A step costs about three forward passes: forward, and the gradients of inputs and of weights.
        """
        return 3 * nets[self.experiment.model].multiply_adds * self.training_images

    def work(self, nets: Nets) -> int:
        """Multiply-adds of the training and evaluation left."""
        return self.training_work(nets) + nets[self.experiment.model].multiply_adds * self.evaluation_images


def describe_nets(tasks: Sequence[Task]) -> Nets:
    """Describe each net once: a deep one takes seconds, and all its seeds share it."""
    nets = {task.experiment.model: task.experiment for task in tasks}
    return {model: describe(experiment) for model, experiment in nets.items()}


def longest_first(tasks: Sequence[Task], nets: Nets) -> list[Task]:
    """The tasks by tier; within each those that have begun, then the most work, so that no long run is last alone."""
    return sorted(tasks, key=lambda task: (task.tier, not task.steps_done, -task.work(nets)))


def begun_first(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in their order, but those that have begun first, so that what was interrupted is not left behind."""
    return sorted(tasks, key=lambda task: not task.steps_done)
