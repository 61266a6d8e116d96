"""The work that a run has left, and which run starts first."""

from pathlib import Path

import pytest

from resnet_repro.launch.duration import side_by_side_ends
from resnet_repro.launch.scheduler import queue_up
from resnet_repro.launch.tasks import Task, begun_first, costs_of, find_tasks, longest_first
from resnet_repro.record.folder import RunFolder
from resnet_repro.runner.options import TrainOptions
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec


@pytest.fixture
def experiment(tiny: Path) -> Experiment:
    return load_spec(tiny)


def test_work_is_three_forward_passes_of_training_and_one_of_evaluation(experiment: Experiment) -> None:
    task = Task(experiment, "new")
    costs = costs_of([task])
    one = costs[experiment.model]
    assert task.training_images == 24 * 8
    assert task.evaluation_images == 3 * (16 + 40)
    assert task.training_work(costs) == 3 * 24 * 8 * one
    assert task.work(costs) == (3 * 24 * 8 + 3 * 56) * one


@pytest.mark.parametrize(
    ("steps_done", "evaluate_every", "evaluations"),
    [(0, 8, 3), (7, 8, 3), (8, 8, 2), (23, 8, 1), (0, 10, 3), (20, 10, 1), (0, 100, 1)],
)
def test_the_last_step_is_evaluated_too(tiny: Path, steps_done: int, evaluate_every: int, evaluations: int) -> None:
    experiment = load_spec(tiny, [f"training.evaluate_every={evaluate_every}"])
    assert Task(experiment, "unfinished", steps_done).evaluation_images == evaluations * 56


def test_a_run_that_has_ended_has_no_work_left_and_an_interrupted_one_has_the_rest(experiment: Experiment) -> None:
    costs = costs_of([Task(experiment, "new")])
    assert Task(experiment, "finished").work(costs) == Task(experiment, "diverged").work(costs) == 0
    assert Task(experiment, "unfinished", 20).training_images == 4 * 8


def test_an_interrupted_run_starts_first_then_the_longest_and_equal_ones_keep_their_order(tiny: Path) -> None:
    def task(name: str, steps_done: int = 0, **overrides: int) -> Task:
        experiment = load_spec(tiny, [f"name={name}", *(f"{field}={value}" for field, value in overrides.items())])
        return Task(experiment, "unfinished", steps_done)

    tasks = [
        task("half", steps_done=12), task("a"), task("b"), task("deep", **{"model.depth": 14}),
        task("long", **{"training.steps": 1000}),
    ]  # fmt: skip
    costs = costs_of(tasks)
    assert len(costs) == 2
    assert [task.experiment.name for task in longest_first(tasks, costs)] == ["half", "long", "deep", "a", "b"]
    assert [task.experiment.name for task in begun_first(tasks[::-1])] == ["half", "long", "deep", "b", "a"]


def test_the_largest_nets_of_each_tier_have_priority_on_a_gpu(tiny: Path, tmp_path: Path) -> None:
    depths, tiers = (8, 14, 14, 20, 8), (0, 0, 0, 1, 1)
    tasks = [
        Task(load_spec(tiny, [f"model.depth={depth}", f"name=n{number}"]), "new", tier=tier)
        for number, (depth, tier) in enumerate(zip(depths, tiers, strict=True))
    ]
    runs, _ = queue_up(tasks, tasks, TrainOptions(tmp_path, tmp_path, "cpu"), in_order=True)
    assert {run.task.experiment.name for run in runs if run.is_largest} == {"n1", "n2", "n3"}
    equal, _ = queue_up(tasks[1:3], tasks[1:3], TrainOptions(tmp_path, tmp_path, "cpu"), in_order=True)
    assert all(run.is_largest for run in equal)


def test_side_by_side_the_first_free_slot_takes_the_next_run() -> None:
    assert side_by_side_ends([5, 4, 3, 2], 2) == [5, 4, 7, 7]
    assert side_by_side_ends([5, 4, 3, 2], 1) == [5, 9, 12, 14]
    assert side_by_side_ends([5], 3) == [5]


def test_an_interrupted_run_keeps_its_steps_unless_it_is_restarted(experiment: Experiment, tmp_path: Path) -> None:
    options = TrainOptions(tmp_path, tmp_path, "cpu")
    folder = RunFolder(tmp_path, experiment)
    folder.path.mkdir(parents=True)
    folder.begin({})
    assert find_tasks([experiment], options) == [Task(experiment, "unfinished", 0)]  # there is no checkpoint
    folder.checkpoint.touch()
    folder.close("interrupted", 7, 1, {}, 1.0)
    assert find_tasks([experiment], options) == [Task(experiment, "unfinished", 7, resumes=True)]
    restarting = TrainOptions(tmp_path, tmp_path, "cpu", restart=True)
    assert find_tasks([experiment], restarting) == [Task(experiment, "new", 0)]
