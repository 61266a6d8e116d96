"""What `train` does, once its specs are read: nothing but show the plan, one run after another, or many at once."""

import sys
import time
from collections.abc import Iterable, Sequence

from resnet_repro.errors import RunError, SpecError, print_error
from resnet_repro.files import make_folder
from resnet_repro.launch.board import new_board
from resnet_repro.launch.growth import Growth
from resnet_repro.launch.plan import print_plan
from resnet_repro.launch.queue import Notice, Queue
from resnet_repro.launch.request import Request
from resnet_repro.launch.slots import (
    Slot,
    available_memory,
    find_devices,
    plan_slots,
    say_slots,
)
from resnet_repro.launch.tasks import Task, describe_nets, longest_first
from resnet_repro.launch.tracking import Tracked
from resnet_repro.runner.progress import new_watcher
from resnet_repro.runner.train import Watcher, train_run
from resnet_repro.spec import Experiment
from resnet_repro.training.device import resolve_device, usable_cores


def find_tasks(experiments: Iterable[Experiment], request: Request, tier: int = 0) -> list[Task]:
    """How far each run has come. Raises RunError where the folder of one holds a run of another spec, or is none."""
    if request.ranks.count > 1 and request.jobs != 1:
        raise RunError(
            f"--jobs {request.jobs}: torchrun has all of its ranks train one run after another; leave it out"
        )
    if request.results.exists() and not request.results.is_dir():
        raise RunError(f"--results {request.results}: is not a folder; choose another")
    tasks = []
    for experiment in experiments:
        folder = request.folder(experiment)
        state = folder.state(request.restart)
        tasks.append(Task(experiment, state, folder.steps_done() if state == "unfinished" else 0, tier))
    return tasks


def show_plan(tasks: Sequence[Task], request: Request) -> None:
    """The runs in the order in which they would start, and how long they may take."""
    nets = describe_nets(tasks)
    if request.jobs != 1:
        tasks = longest_first(tasks, nets)
    limit = request.deadline - time.monotonic()
    slots = _slots([task for task in tasks if not task.is_ended], request)
    print_plan(tasks, nets, slots, _is_measured(slots, request), limit)


def train(tasks: Sequence[Task], request: Request, notice: Notice) -> int:
    """Train what has not ended. Returns the exit code: 0, 1 if a run failed, 130 if one was interrupted."""
    for task in tasks:
        if task.is_ended and request.ranks.is_first:
            notice(f"{task.label}: has {task.state} already and is skipped; --restart would train it again")
    if not (ahead := [task for task in tasks if not task.is_ended]):
        return 0
    return _one_by_one(ahead, request) if request.jobs == 1 else _side_by_side(tasks, ahead, request, notice)


def _one_by_one(ahead: Sequence[Task], request: Request) -> int:
    """In this process, or in those of all ranks together."""
    ranks, session = request.ranks, request.session()
    watcher = new_watcher() if ranks.is_first else Watcher()
    failed = False
    for number, task in enumerate(ahead):
        if ranks.any(time.monotonic() >= request.deadline)[0]:
            if ranks.is_first:
                print(f"note: time is up; {len(ahead) - number} of {len(ahead)} runs wait for the same command",
                      file=sys.stderr)  # fmt: skip
            return 130
        try:
            status = train_run(task.experiment, session, watcher, request.restart)
        except (RunError, SpecError) as error:
            if ranks.count > 1:  # which may be of two minds now
                raise
            print_error(str(error))
            failed = True
            continue
        if status == "interrupted":
            return 130
    return 1 if failed else 0


def _side_by_side(tasks: Sequence[Task], ahead: Sequence[Task], request: Request, notice: Notice) -> int:
    slots = _slots(ahead, request)
    measured = _is_measured(slots, request)
    _check_data(ahead, request, slots[0])
    make_folder(request.results)
    notice(f"{len(ahead)} runs, {say_slots(slots, measured)}")
    weights: dict[str, float] = {}
    differ = len({(task.experiment.model, task.training_images) for task in ahead}) > 1
    if differ and (slots[0].shared or len(slots) < len(ahead)):
        nets = describe_nets(ahead)
        ahead = longest_first(ahead, nets)
        work = {task.label: nets[task.experiment.model].multiply_adds for task in ahead}
        weights = {label: one / max(work.values()) for label, one in work.items()}
    runs = [Tracked(task, request.folder(task.experiment).log, weight=weights.get(task.label, 1.0)) for task in ahead]
    skipped = [Tracked(task, request.folder(task.experiment).log, "skipped") for task in tasks if task.is_ended]
    growths = _growths(runs, slots) if measured else {}
    Queue(runs, slots, request, new_board([*skipped, *runs]), growths, notice).work_off()
    return _conclude(runs)


def _growths(runs: Sequence[Tracked], slots: Sequence[Slot]) -> dict[str, Growth]:
    """For each device, what finds how many of its slots to use."""
    largest = next(run.task.experiment.name for run in runs if run.weight == 1)
    counted = f" of {largest}, or as much work" if any(run.weight != 1 for run in runs) else ""
    devices = [slot.device for slot in slots]
    return {device: Growth(device, devices.count(device), counted) for device in devices}


def _conclude(runs: Sequence[Tracked]) -> int:
    """Name the runs that failed, and turn what came of all of them into the exit code."""
    states = {run.state for run in runs}
    for run in runs:
        if run.state == "failed":
            print_error(f"{run.label}: {run.error} ({run.log})")
    if states & {"interrupted", "waiting"}:
        print("note: the same command goes on from there", file=sys.stderr)
        return 130
    return 1 if "failed" in states else 0


def _slots(ahead: Sequence[Task], request: Request) -> list[Slot]:
    """Those that the runs ahead would have. In this process torch has all its threads."""
    if request.jobs == 1:
        return [Slot(str(resolve_device(request.device)), usable_cores())]
    devices = find_devices(request.device)
    return plan_slots(max(1, len(ahead)), request.jobs, devices, usable_cores(), available_memory())


def _is_measured(slots: Sequence[Slot], request: Request) -> bool:
    """Whether it is found by measurement how many of the slots to use."""
    return request.jobs == "auto" and slots[0].shared


def _check_data(ahead: Sequence[Task], request: Request, slot: Slot) -> None:
    """Raise DataError here and once, instead of in the process of every run."""
    session = request.session(slot.device)
    for data in dict.fromkeys(task.experiment.data for task in ahead):
        session.dataset(data)
