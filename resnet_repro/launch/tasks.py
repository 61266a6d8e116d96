"""The runs that a command asks for, and the work that each has left, counted before it starts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from resnet_repro.describe import multiply_adds
from resnet_repro.errors import ReproError, RunError
from resnet_repro.files import explained
from resnet_repro.record.folder import FolderStatus, RunFolder
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.start import check_growth, find_source
from resnet_repro.runner.trial import try_out
from resnet_repro.spec import Experiment, ModelSpec

Costs = dict[ModelSpec, int]  # multiply-adds of a forward pass of one image


@dataclass(frozen=True)
class Task:
    """A run that a command asks for, and the steps it has done already."""

    experiment: Experiment
    status: FolderStatus
    steps_done: int = 0
    tier: int = 0  # all runs of a tier start before those of the next
    fault: str = ""  # why its folder cannot be used, or why it cannot start from the net that its spec names
    resumes: bool = False  # from a checkpoint
    after: str = ""  # the label of the run of this command from whose net it starts, so for which it waits

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

    def training_work(self, costs: Costs) -> int:
        """Multiply-adds of the training left.

        A step costs about three forward passes: forward, and the gradients of inputs and of weights.
        """
        return 3 * costs[self.experiment.model] * self.training_images

    def work(self, costs: Costs) -> int:
        """Multiply-adds of the training and evaluation left."""
        return self.training_work(costs) + costs[self.experiment.model] * self.evaluation_images


def find_tasks(experiments: Iterable[Experiment], options: TrainOptions, tier: int = 0) -> list[Task]:
    """The runs of `experiments`, with the steps each has done already; interrupted ones come first.

    A run whose folder cannot be used, as one that is damaged or holds a run of another spec, has a `fault`. Raises
    RunError if no run can be trained as asked, and SpecError if a net fails by a file of the user's own.
    """
    if options.ranks.count > 1 and options.jobs != 1:
        raise RunError(
            f"--jobs {options.jobs}: torchrun has all of its ranks train one run after another; leave it out"
        )
    if options.ranks.count > 1 and options.cluster is not None:
        raise RunError("--on ray: torchrun's ranks train one run together, a cluster many; leave out one of them")
    if options.results.exists() and not options.results.is_dir():
        raise RunError(f"--results {options.results}: is not a folder; choose another")
    try_out(experiments := [*experiments])
    tasks = {task.label: task for task in (_find_task(experiment, options, tier) for experiment in experiments)}
    for task in sorted(tasks.values(), key=lambda task: task.experiment.model.depth):  # a source is less deep
        tasks[task.label] = _with_source(task, tasks, options)
    return sources_first(begun_first([*tasks.values()]))


def _find_task(experiment: Experiment, options: TrainOptions, tier: int) -> Task:
    try:
        folder = RunFolder(options.results, experiment)
        with explained(folder.path):
            status = folder.status(options.restart)
            done = folder.steps_done() if status == "unfinished" else 0
            return Task(experiment, status, done, tier, resumes=status == "unfinished" and folder.has_checkpoint)
    except ReproError as error:
        return Task(experiment, "new", tier=tier, fault=str(error))


def _with_source(task: Task, tasks: Mapping[str, Task], options: TrainOptions) -> Task:
    """The task, after the one from whose net it starts if that is among `tasks`, or with a `fault` if none is there."""
    label = task.experiment.source
    if not label or task.fault or task.is_ended or task.resumes:
        return task
    try:
        source = tasks.get(label)
        if source is None or source.is_ended:
            find_source(task.experiment, options.results)
            return task
        check_growth(source.experiment, task.experiment)
    except ReproError as error:
        return replace(task, fault=str(error))
    return replace(task, after=label, fault=f"{task.label}: {starts_from(label, 'failed')}" if source.fault else "")


def costs_of(tasks: Sequence[Task]) -> Costs:
    """The multiply-adds of each net, counted once. Raises SpecError if a part of the user's own cannot be traced."""
    nets = {task.experiment.model: task.experiment for task in tasks}
    return {model: multiply_adds(experiment) for model, experiment in nets.items()}


def longest_first(tasks: Sequence[Task], costs: Costs) -> list[Task]:
    """The tasks by tier; within each those that have begun, then the most work, so that no long run is last alone.

    The work of a run counts with that of the runs which wait for it.
    """
    waiting = defaultdict(list)
    for task in tasks:
        waiting[task.after].append(task)

    def work(task: Task) -> int:
        return task.work(costs) + max(map(work, waiting[task.label]), default=0)

    return sources_first(sorted(tasks, key=lambda task: (task.tier, not task.steps_done, -work(task))))


def begun_first(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in their order, but those that have begun first, so that what was interrupted is not left behind."""
    return sorted(tasks, key=lambda task: not task.steps_done)


def starts_from(label: str, status: str) -> str:
    """Why a run cannot start which waited for the run of that label."""
    return f"starts from the net of {label}, which {'has ' * (status == 'diverged')}{status}"


def sources_first(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in their order, but each after the one from whose net it starts."""
    by_label = {task.label: task for task in tasks}
    ordered: dict[str, Task] = {}

    def place(task: Task) -> None:
        if task.label in ordered:
            return
        if source := by_label.get(task.after):
            place(source)
        ordered[task.label] = task

    for task in tasks:
        place(task)
    return list(ordered.values())
