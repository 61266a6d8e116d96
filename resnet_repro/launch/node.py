"""What runs on the nodes of a Ray cluster: a function that trains one run, one that checks the node, and a mailbox.

Nothing here imports torch before the number of threads is set, nor anything that another version may lack before the
versions are compared.
"""

import logging
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import resnet_repro

SETTLING_SECONDS = 30.0  # in which the worker of a lost node ends, once it notices


class Mailbox:
    """Keeps the events of all runs (`tracking.Plain`) until the command takes them. An actor on its machine."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.begun: Counter[str] = Counter()
        self.trained: set[str] = set()
        self.is_closed = False

    def begin(self, label: str, event: Any) -> tuple[int, bool]:
        """Take the first event of a run. Returns how often it has begun, and whether it has trained before.

        It has begun 0 times if it must not train, as the command is stopping.
        """
        if self.is_closed:
            return 0, False
        self.begun[label] += 1
        self.events.append((label, event))
        return self.begun[label], label in self.trained

    def close(self) -> None:
        """No run begins any more. Ray may start a task that was cancelled while its process was starting."""
        self.is_closed = True

    def put(self, label: str, event: Any, trains: bool) -> None:
        if trains:
            self.trained.add(label)
        self.events.append((label, event))

    def take(self) -> list[tuple[str, Any]]:
        taken, self.events = self.events, []
        return taken


def versions() -> dict[str, str]:
    """The versions that must be equal on all nodes, as they may change numbers, or how objects are sent."""
    import torch

    python = ".".join(platform.python_version_tuple()[:2])
    return {"resnet-repro": resnet_repro.__version__, "torch": str(torch.__version__), "Python": python}


def other_version(expected: Mapping[str, str]) -> str:
    """How this node's versions differ from the command's, and the fix; "" if they do not."""
    own = versions()
    differing = [f"{name} {own[name]} instead of {wanted}" for name, wanted in expected.items() if own[name] != wanted]
    return f"has {', '.join(differing)}; install the same versions on all nodes" if differing else ""


def train_here(label: str, threads: int, expected: Mapping[str, str], order: list[Any], mailbox: Any) -> str:
    """Train one run in this process of a node. Returns why it could not begin, or "".

    A signal, and Ray when it cancels the task, has the run stop resumably.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if fault := other_version(expected):
        return fault
    import ray
    import torch

    from resnet_repro.launch.nodes import dead_hosts
    from resnet_repro.launch.run_log import separate_threads
    from resnet_repro.launch.tracking import Ended, Event, Failed, LogLine, Started, to_plain
    from resnet_repro.launch.worker import Assignment, Worker, log_notices
    from resnet_repro.record.lease import forget_dead, is_locked
    from resnet_repro.record.rows import Row
    from resnet_repro.runner.progress import TrainingProgress
    from resnet_repro.runner.signals import stop_signals

    experiment, options, holder = ray.get(order[0])

    def send(run: str, event: Event) -> None:
        sent = mailbox.put.remote(run, to_plain(event), isinstance(event, LogLine | Row | TrainingProgress))
        if isinstance(event, Ended | Failed):
            ray.get(sent)  # the process ends after it

    with stop_signals() as stopped:
        started = Started(f"{ray.get_runtime_context().get_node_id()}/{options.device}")
        times, has_trained = ray.get(mailbox.begin.remote(label, to_plain(started)))
        if not times:
            return ""
        if has_trained:
            options = replace(options, restart=False)
        if times > 1:
            _wait_for_the_last_worker(lambda: is_locked(holder))
        forget_dead(holder, dead_hosts(ray.nodes()))
        separate_threads()
        log_notices()
        torch.set_num_threads(threads)
        Worker(options, send, stopped).train(Assignment(experiment))
    return ""


def _wait_for_the_last_worker(is_there: Callable[[], bool]) -> None:
    """A process that trained this run may outlive its node by some seconds."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while is_there() and time.monotonic() < deadline:
        time.sleep(0.2)


def check_here(expected: Mapping[str, str], question: str, answer: str, order: list[Any]) -> list[str]:
    """What keeps this node from training the runs, each with the fix.

    `question` is a file that the command has written into the results folder; its text is copied into `answer`.
    """
    if fault := other_version(expected):
        return [fault]
    import ray

    from resnet_repro.errors import ReproError
    from resnet_repro.runner.datasets import Datasets
    from resnet_repro.runner.imported import run_files

    logging.getLogger("resnet_repro").setLevel(logging.ERROR)
    faults = []
    try:
        Path(answer).write_bytes(Path(question).read_bytes())
    except OSError as error:
        where = Path(question).parent
        faults.append(
            f"cannot use the results folder of this machine, {where} ({error.strerror}); "
            "put --results on a file system that all nodes share"
        )
    data_dir, wanted, imported = ray.get(order[0])
    try:
        run_files(imported)
        datasets = Datasets(data_dir)
        for data, digest in wanted:
            if datasets.load(data).digest != digest:
                faults.append(
                    f"{data_dir}: holds other images of {data.dataset} than on this machine; "
                    "copy them, or put --data-dir on a file system that all nodes share"
                )
    except ReproError as error:
        faults.append(str(error))
    return faults
