"""Runs `train --on ray` once its specs are read: checks the nodes of the cluster, and trains on them."""

from collections.abc import Sequence

from resnet_repro.errors import RunError, print_error
from resnet_repro.files import make_folder
from resnet_repro.launch.board import new_board
from resnet_repro.launch.cluster import connected
from resnet_repro.launch.cluster_queue import ClusterQueue
from resnet_repro.launch.node_checks import check_nodes
from resnet_repro.launch.nodes import choose_device, share_of, slots_of
from resnet_repro.launch.scheduler import Notice, queue_up
from resnet_repro.launch.slots import Slot, say_slots
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import QueuedRun
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.options import TrainOptions
from resnet_repro.text_tables import counted
from resnet_repro.training.device import resolve_device


def train_on_cluster(
    tasks: Sequence[Task], ahead: Sequence[Task], options: TrainOptions, datasets: Datasets, notice: Notice
) -> list[QueuedRun]:
    """Train the runs `ahead`, of all tasks; return how each ended. Raises RunError.

    If a node cannot train them, nothing trains: each reason is an error line, but for the last, which is raised.
    """
    with connected(_address(options)) as nodes:
        share = share_of(nodes, options.jobs, options.device)
        make_folder(options.results)
        slots = slots_of(nodes, share, len(ahead))
        notice(f"{counted(len(ahead), 'run')} on {counted(len(nodes), 'node')}, {say_slots(slots)}")
        if share.gpus == 1 and options.jobs == "auto":
            notice("one run a GPU, as the search for more works on one machine only; --jobs 2 shares each GPU")
        digests = {task.experiment.data: datasets.load(task.experiment.data).digest for task in ahead}
        if faults := check_nodes(nodes, digests, options):
            for fault in faults[:-1]:
                print_error(fault)
            raise RunError(faults[-1])
        runs, skipped = queue_up(tasks, ahead, options, len(slots) < len(ahead))
        ClusterQueue(runs, options, new_board([*skipped, *runs]), share, notice).train_all()
    return runs


def cluster_slots(ahead: Sequence[Task], options: TrainOptions) -> tuple[list[Slot], Slot | None]:
    """The slots of the cluster now, and one here in which to measure their speed, if this machine has such a device."""
    with connected(_address(options)) as nodes:
        share = share_of(nodes, options.jobs, options.device)
    has_device = share.device == "cpu" or resolve_device("auto").type == "cuda"
    here = Slot("cuda:0" if share.device == "cuda" else "cpu", share.threads)
    return slots_of(nodes, share, max(1, len(ahead))), here if has_device else None


def cluster_device(options: TrainOptions) -> str:
    """The kind of device that the runs would train on: cuda or cpu. Raises RunError."""
    with connected(_address(options)) as nodes:
        return choose_device(nodes, options.device)


def _address(options: TrainOptions) -> str:
    assert options.cluster is not None
    return options.cluster
