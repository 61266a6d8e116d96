"""How much work a run is, counted before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_repro.describe import Description, describe
from resnet_repro.record.folder import State
from resnet_repro.spec import Experiment, ModelSpec

Nets = dict[ModelSpec, Description]


@dataclass(frozen=True)
class Task:
    """A run that a command asks for, and how far it has come."""

    experiment: Experiment
    state: State
    steps_done: int = 0
    tier: int = 0  # all runs of a tier start before those of the next

    @property
    def label(self) -> str:
        return self.experiment.label

    @property
    def is_ended(self) -> bool:
        return self.state in ("finished", "diverged")

    @property
    def steps_left(self) -> int:
        return 0 if self.is_ended else self.experiment.training.steps - self.steps_done

    @property
    def training_images(self) -> int:
        """Images that the steps left train on."""
        return self.steps_left * self.experiment.training.batch_size

    @property
    def evaluation_images(self) -> int:
        """Images that the evaluations left look at: every so many steps, and after the last one."""
        if not self.steps_left:
            return 0
        training, data = self.experiment.training, self.experiment.data
        every = self.experiment.steps_of(training.evaluate_every)
        evaluations = -(-training.steps // every) - self.steps_done // every
        return evaluations * (
            min(training.clean_images, data.epoch_images) + (data.validation_images or data.test_images)
        )

    def training_work(self, nets: Nets) -> int:
        """Multiply-adds. A step costs about three forward passes: forward, and backward by input and by weights."""
        return 3 * nets[self.experiment.model].multiply_adds * self.training_images

    def work(self, nets: Nets) -> int:
        """Multiply-adds of training and evaluation."""
        return self.training_work(nets) + nets[self.experiment.model].multiply_adds * self.evaluation_images


def describe_nets(tasks: Sequence[Task]) -> Nets:
    """Each net once, as a deep one takes seconds and all its seeds share it."""
    nets = {task.experiment.model: task.experiment for task in tasks}
    return {model: describe(experiment) for model, experiment in nets.items()}


def longest_first(tasks: Sequence[Task], nets: Nets) -> list[Task]:
    """Within each tier, so that no long run is left over at the end, when every other has finished."""
    return sorted(tasks, key=lambda task: (task.tier, -task.work(nets)))
