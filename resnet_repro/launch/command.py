"""Runs `train` once its specs are read: a dry run, one run after another, or several side by side."""

import os
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from resnet_repro.errors import DataError, ReproError, RunError, print_error, summary_of
from resnet_repro.files import make_folder, open_to_append
from resnet_repro.launch.board import Board, new_board
from resnet_repro.launch.growth import Growth
from resnet_repro.launch.plan import print_plan, say_duration
from resnet_repro.launch.queue import Queue
from resnet_repro.launch.scheduler import Notice, queue_up
from resnet_repro.launch.slots import Slot, available_memory, find_devices, plan_slots, say_slots
from resnet_repro.launch.tasks import Task, costs_of, longest_first, starts_from
from resnet_repro.launch.tracking import QueuedRun
from resnet_repro.launch.worker import free_memory
from resnet_repro.record.folder import RunFolder, Status
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.options import TrainOptions
from resnet_repro.runner.progress import new_watcher
from resnet_repro.runner.train import Watcher, train_run
from resnet_repro.spec import DataSpec
from resnet_repro.text_tables import counted
from resnet_repro.training.device import resolve_device, usable_cores


def _usable(tasks: Sequence[Task], options: TrainOptions) -> Sequence[Task]:
    """The runs whose folders can be used. Of the others, each is an error line, before any run starts."""
    if options.ranks.is_first:
        for message in dict.fromkeys(task.fault for task in tasks if task.fault):
            print_error(message)
    return [task for task in tasks if not task.fault]


def show_plan(asked: Sequence[Task], options: TrainOptions) -> int:
    """Print the runs in the order in which they would start, and how long they may take. Returns the exit code."""
    if not (tasks := _usable(asked, options)):
        return 1
    costs = costs_of(tasks)
    if options.jobs != 1 or options.cluster is not None:
        tasks = longest_first(tasks, costs)
    limit = options.deadline - time.monotonic()
    ahead = [task for task in tasks if not task.is_ended]
    if options.cluster is not None:
        from resnet_repro.launch.on_cluster import cluster_slots

        slots, here = cluster_slots(ahead, options)
        print_plan(tasks, costs, slots, limit=limit, measured_in=here)
    else:
        slots = _slots(ahead, options)
        print_plan(tasks, costs, slots, _is_measured(slots, options), limit)
    return int(len(tasks) < len(asked))


def announce(asked: Sequence[Task], options: TrainOptions, notice: Notice) -> None:
    """Say about how long the runs ahead will take on this device, after measuring its speed for some seconds."""
    if ahead := [task for task in asked if not task.fault and not task.is_ended]:
        slots = _slots(ahead, options)
        duration = say_duration(ahead, slots, _is_measured(slots, options))
        notice(f"{counted(len(ahead), 'run')}: about {duration} on this machine as it is now")


def train(asked: Sequence[Task], options: TrainOptions, notice: Notice) -> int:
    """Train the runs that have not ended. Returns the exit code: 0, 1 if a run failed, 130 if one was interrupted."""
    tasks = _usable(asked, options)
    failed = int(len(tasks) < len(asked))
    for task in tasks:
        if task.is_ended and options.ranks.is_first:
            notice(f"{task.label}: has {task.status} already and is skipped; --restart would train it again")
    if not (ahead := [task for task in tasks if not task.is_ended]):
        return failed
    if options.cluster is not None:
        code = _on_cluster(tasks, ahead, options, notice)
    elif options.jobs == 1:
        code = _one_by_one(ahead, options, notice)
    else:
        code = _side_by_side(tasks, ahead, options, notice)
    return code or failed


def _one_by_one(ahead: Sequence[Task], asked: TrainOptions, notice: Notice) -> int:
    """Train in this process; under torchrun all ranks call this together."""
    ranks, datasets = asked.ranks, Datasets(asked.data_dir)
    options = replace(asked, device=str(ranks.each(lambda: ranks.device(asked.device))))
    ready = ahead if ranks.count > 1 else _with_data(ahead, datasets)
    watcher = new_watcher() if ranks.is_first else Watcher()
    statuses: dict[str, Status | None] = {}
    for number, task in enumerate(ready):
        if len(ready) > 1 and ranks.is_first:
            notice(f"run {number + 1} of {len(ready)}")
        if ranks.any(time.monotonic() >= options.deadline)[0]:
            if ranks.is_first:
                left = f"{len(ready) - number} of {counted(len(ready), 'run')}"
                notice(f"time is up with {left} left; run the same command to resume")
            return 130
        if task.after and (source := statuses.get(task.after)) != "finished":
            if ranks.is_first:
                print_error(f"{task.label}: {starts_from(task.after, source or 'failed')}")
            statuses[task.label] = None
            continue
        statuses[task.label] = _train_one(task, options, watcher, datasets)
        if statuses[task.label] == "interrupted":
            return 130
    return 1 if None in statuses.values() or len(ready) < len(ahead) else 0


def _train_one(task: Task, options: TrainOptions, watcher: Watcher, datasets: Datasets) -> Status | None:
    """Train a run. If it fails, print why in one line and return None; several ranks raise, being out of sync then."""
    try:
        return train_run(task.experiment, options, watcher, datasets)
    except Exception as error:
        if options.ranks.count > 1:
            raise
        if isinstance(error, ReproError):
            print_error(str(error))
            return None
        print_error(_logged(error, task, options.results))
    free_memory(torch.device(options.device))  # which the error held
    return None


def _logged(error: Exception, task: Task, results: Path) -> str:
    """A message about an error that is not ours, whose traceback goes into the log of its run."""
    log = RunFolder(results, task.experiment).log
    where = ""
    with suppress(RunError, OSError), open_to_append(log) as file:
        file.write("".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
        where = f"; {log} has the traceback"
    return f"{task.label}: {summary_of(error)}{where}"


def _side_by_side(tasks: Sequence[Task], wanted: Sequence[Task], options: TrainOptions, notice: Notice) -> int:
    if not (ahead := _with_data(wanted, Datasets(options.data_dir))):
        return 1
    return _exit_code(train_side_by_side(tasks, ahead, options, notice), notice) or int(len(ahead) < len(wanted))


def _on_cluster(tasks: Sequence[Task], wanted: Sequence[Task], options: TrainOptions, notice: Notice) -> int:
    from resnet_repro.launch.on_cluster import train_on_cluster  # for those alone who ask for it

    datasets = Datasets(options.data_dir)
    if not (ahead := _with_data(wanted, datasets)):
        return 1
    runs = train_on_cluster(tasks, ahead, options, datasets, notice)
    return _exit_code(runs, notice) or int(len(ahead) < len(wanted))


def train_side_by_side(
    tasks: Sequence[Task], ahead: Sequence[Task], options: TrainOptions, notice: Notice, board: Board | None = None
) -> list[QueuedRun]:
    """Train the runs `ahead`, of all tasks, shown by a board; return how each ended. Raises RunError."""
    slots = _slots(ahead, options)
    measured = _is_measured(slots, options)
    make_folder(options.results)
    notice(f"{counted(len(ahead), 'run')}, {say_slots(slots, measured)}")
    runs, skipped = queue_up(tasks, ahead, options, slots[0].shared or len(slots) < len(ahead))
    growths = _growths(runs, slots) if measured else {}
    Queue(runs, slots, options, board or new_board([*skipped, *runs]), growths, notice).train_all()
    return runs


def _growths(runs: Sequence[QueuedRun], slots: Sequence[Slot]) -> dict[str, Growth]:
    """For each device, the search for how many of its slots train fastest."""
    largest = next(run.task.experiment.name for run in runs if run.weight == 1)
    unit = f" of {largest}, or as much work" if any(run.weight != 1 for run in runs) else ""
    devices = [slot.device for slot in slots]
    return {device: Growth(device, devices.count(device), unit) for device in devices}


def _exit_code(runs: Sequence[QueuedRun], notice: Notice) -> int:
    """Print the runs that failed, and return the exit code of `train`."""
    statuses = {run.status for run in runs}
    for run in runs:
        if run.status == "failed":
            where = f" ({run.log})" if os.path.isfile(run.log) else ""  # False, too, if its folder cannot be read
            print_error(f"{run.label}: {run.error}{where}")
    if statuses & {"interrupted", "waiting"}:
        notice("run the same command to resume")
        return 130
    return 1 if "failed" in statuses else 0


def _slots(ahead: Sequence[Task], options: TrainOptions) -> list[Slot]:
    """The slots for the runs ahead; a run in this process has all of torch's threads."""
    if options.jobs == 1:
        return [Slot(str(resolve_device(options.device)), usable_cores())]
    devices = find_devices(options.device)
    return plan_slots(max(1, len(ahead)), options.jobs, devices, usable_cores(), available_memory())


def _is_measured(slots: Sequence[Slot], options: TrainOptions) -> bool:
    """Whether the number of slots to use is found by measurement, while the runs train."""
    return options.jobs == "auto" and slots[0].shared


def _with_data(ahead: Sequence[Task], datasets: Datasets) -> Sequence[Task]:
    """The runs whose data can be loaded. Of the data that cannot, each is an error line, before any run starts."""
    missing: dict[DataSpec, str] = {}
    for data in dict.fromkeys(task.experiment.data for task in ahead):
        try:
            datasets.load(data)
        except DataError as error:
            missing[data] = str(error)
    for message in dict.fromkeys(missing.values()):
        print_error(message)
    return [task for task in ahead if task.experiment.data not in missing]
