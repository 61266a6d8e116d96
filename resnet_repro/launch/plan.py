"""Prints the plan of `train --dry-run`, and estimates how long runs take."""

import math
from collections.abc import Sequence
from typing import Literal

from resnet_repro.describe import parameters
from resnet_repro.launch.duration import measure_rate, side_by_side_ends
from resnet_repro.launch.slots import Slot, say_slots
from resnet_repro.launch.tasks import Costs, Task, costs_of, longest_first
from resnet_repro.text_tables import counted, print_table

COLUMNS = ["run", "status", "parameters", "steps left", "images", "multiply-adds (10^12)", "hours"]


def print_plan(
    tasks: Sequence[Task],
    costs: Costs,
    slots: Sequence[Slot],
    measured: bool = False,
    limit: float = math.inf,
    measured_in: Slot | Literal["slots"] | None = "slots",
) -> None:
    """Print each run with its work and hours left, the total, and how many runs end within `limit` seconds.

    If there is work left, this first measures the speed of the device for some seconds. `measured`: the number of runs
    side by side is found while they train; the total then assumes one run at a time on each device. The slots of a
    cluster are elsewhere: `measured_in` is then one of this machine, or None if it has no such device, and no hours.
    """
    ahead = [task for task in tasks if not task.is_ended]
    probe = slots[0] if measured_in == "slots" else measured_in
    rate = measure_rate(probe, ahead[0].experiment) if ahead and probe else None
    seconds = {task.label: task.work(costs) / rate.multiply_adds_per_second if rate else 0.0 for task in tasks}
    rows = [
        [
            task.label,
            task.status,
            f"{parameters(task.experiment):,}",
            str(task.steps_left),
            f"{task.training_images:,}",
            f"{task.training_work(costs) / 1e12:,.1f}",
            f"{seconds[task.label] / 3600:,.2f}" if rate or task.is_ended else "",
        ]
        for task in tasks
    ]
    print_table(f"would run {say_slots(slots, measured)}", COLUMNS, rows, optional=["parameters"])
    work = sum(task.training_work(costs) for task in tasks) / 1e12
    print(f"work ahead: {work:,.1f} x 10^12 multiply-adds of training")
    if not rate:
        if ahead:
            print("no time estimate: a GPU's speed is measured on one, and this machine, unlike the cluster, has none")
        return
    ends = side_by_side_ends([seconds[task.label] for task in ahead], _at_a_time(slots, measured))
    print(f"time ahead: about {max(ends) / 3600:,.2f} hours, evaluation included")
    if math.isfinite(limit):
        fitting = sum(end <= limit for end in ends)
        some = f"{fitting} of {counted(len(ahead), 'run')}"
        print(f"within {limit / 3600:,.2f} hours: about {some}; run the same command again for the rest")
    is_elsewhere = measured_in != "slots"
    gap = "the gain of runs side by side" if measured else "the slowdown of runs side by side"
    print(
        f"an estimate from {rate.measured}, {rate.multiply_adds_per_second / 1e9:,.1f} x 10^9 multiply-adds a second; "
        f"it leaves out probes and {gap}{', and takes the nodes to be as fast as this machine' * is_elsewhere}"
    )


def say_duration(tasks: Sequence[Task], slots: Sequence[Slot], measured: bool) -> str:
    """About how long the tasks will take together, such as "5 minutes", after measuring the speed for some seconds."""
    costs = costs_of(tasks)
    ordered = longest_first(tasks, costs)
    rate = measure_rate(slots[0], ordered[0].experiment).multiply_adds_per_second
    ends = side_by_side_ends([task.work(costs) / rate for task in ordered], _at_a_time(slots, measured))
    return counted(math.ceil(max(ends) / 60), "minute")


def _at_a_time(slots: Sequence[Slot], measured: bool) -> int:
    """How many runs an estimate takes to train at a time. If that will be `measured`, it is one on each device."""
    return len({slot.device for slot in slots}) if measured else len(slots)
