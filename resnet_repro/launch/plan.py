"""What `train --dry-run` shows."""

import math
from collections.abc import Sequence

from resnet_repro.launch.estimate import measure_rate, side_by_side_ends
from resnet_repro.launch.slots import Slot, say_slots
from resnet_repro.launch.tasks import Nets, Task
from resnet_repro.text_tables import print_table

COLUMNS = ["run", "state", "parameters", "steps left", "images", "multiply-adds (10^12)", "hours"]


def print_plan(
    tasks: Sequence[Task], nets: Nets, slots: Sequence[Slot], measured: bool = False, limit: float = math.inf
) -> None:
    """Each run with the work it has left, the hours that may take, and how many fit into `limit` seconds.

    Measures for some seconds if there is any work. Where the number of runs side by side is `measured` when they train,
    the hours are those of one run at a time on each device.
    """
    ahead = [task for task in tasks if not task.is_ended]
    rate = measure_rate(slots[0], ahead[0].experiment) if ahead else None
    seconds = {task.label: task.work(nets) / rate.multiply_adds_per_second if rate else 0.0 for task in tasks}
    rows = [
        [
            task.label,
            task.state,
            f"{nets[task.experiment.model].parameters:,}",
            str(task.steps_left),
            f"{task.training_images:,}",
            f"{task.training_work(nets) / 1e12:,.1f}",
            f"{seconds[task.label] / 3600:,.2f}",
        ]
        for task in tasks
    ]
    print_table(f"would run {say_slots(slots, measured)}", COLUMNS, rows)
    work = sum(task.training_work(nets) for task in tasks) / 1e12
    print(f"work ahead: {work:,.1f} x 10^12 multiply-adds of training")
    if not rate:
        return
    at_a_time = len({slot.device for slot in slots}) if measured else len(slots)
    ends = side_by_side_ends([seconds[task.label] for task in ahead], at_a_time)
    print(f"time ahead: about {max(ends) / 3600:,.2f} hours, evaluation included")
    if math.isfinite(limit):
        fitting = sum(end <= limit for end in ends)
        print(f"within {limit / 3600:,.2f} hours: about {fitting} of {len(ahead)} runs; the same command goes on")
    gap = "what runs side by side gain" if measured else "how far runs side by side slow one another"
    print(
        f"an estimate from {rate.measured}, {rate.multiply_adds_per_second / 1e9:,.1f} x 10^9 multiply-adds a second; "
        f"it leaves out probes, and {gap}"
    )
