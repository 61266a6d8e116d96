"""The nodes of a cluster, and how many runs train on them side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from resnet_repro.errors import RunError
from resnet_repro.launch.slots import Slot
from resnet_repro.runner.options import Jobs

DEVICES = ("auto", "cpu", "cuda")


class Node(NamedTuple):
    """A machine of the cluster that is alive."""

    id: str
    name: str
    cpus: float
    gpus: float


class Share(NamedTuple):
    """What each run gets of its node."""

    device: str  # cpu or cuda
    threads: int  # of the CPU
    cpus: float
    gpus: float = 0.0


def live_nodes(listed: Sequence[Mapping[str, Any]]) -> list[Node]:
    """The nodes that are alive, of those that Ray lists. Several on one host are told apart by their ids."""
    alive = [node for node in listed if node["Alive"]]
    names = [str(node["NodeManagerHostname"]) for node in alive]
    hosts = Counter(names)
    return [
        Node(
            node["NodeID"],
            name if hosts[name] == 1 else f"{name}-{node['NodeID'][:6]}",
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
        )
        for node, name in zip(alive, names, strict=True)
    ]


def dead_hosts(listed: Sequence[Mapping[str, Any]]) -> set[str]:
    """The hosts all of whose nodes have died."""
    hosts: dict[bool, set[str]] = {True: set(), False: set()}
    for node in listed:
        hosts[bool(node["Alive"])].add(str(node["NodeManagerHostname"]))
    return hosts[False] - hosts[True]


def choose_device(nodes: Sequence[Node], device: str) -> str:
    """The kind of device that the runs train on: cuda if the cluster has GPUs, else the CPU. Raises RunError."""
    if device not in DEVICES:
        raise RunError(f"--device {device}: with --on ray, Ray chooses the GPU of a run; ask for auto, cpu or cuda")
    has_gpus = any(node.gpus for node in nodes)
    if device == "cuda" and not has_gpus:
        raise RunError("--device cuda: the nodes of the cluster have no GPUs that Ray knows; see `ray status`")
    return "cuda" if has_gpus and device != "cpu" else "cpu"


def share_of(nodes: Sequence[Node], jobs: Jobs, device: str) -> Share:
    """What each run gets, so that --jobs means on each node what it means on one machine. Raises RunError.

    A number N gives each run the Nth part of the CPUs of the smallest node, so that the threads of a run, and with them
    its last digits, do not depend on the node; or the Nth part of a GPU. "auto" gives it one CPU, or a GPU.
    """
    if choose_device(nodes, device) == "cuda":
        return Share("cuda", 1, 1.0, 1.0 if jobs == "auto" else 1.0 / jobs)
    if jobs == "auto":
        return Share("cpu", 1, 1.0)
    smallest = min((node.cpus for node in nodes if node.cpus), default=0)
    if not smallest:
        raise RunError(f"--jobs {jobs}: the cluster has no CPUs now to be divided; choose --jobs auto, or start nodes")
    threads = max(1, int(smallest // jobs))
    return Share("cpu", threads, min(float(threads), smallest / jobs))


def slots_of(nodes: Sequence[Node], share: Share, runs: int) -> list[Slot]:
    """At most `runs` places in which runs train now, dealt to the nodes in turn. At least one, for nodes that come."""
    room = {}
    for node in nodes:
        fitting = node.cpus / share.cpus
        if share.gpus:  # a part of a GPU is of one GPU
            fitting = min(fitting, int(node.gpus) * int(1 / share.gpus + 1e-6))
        room[f"{node.name}/{share.device}"] = int(fitting + 1e-6)
    turns = range(min(runs, max(room.values(), default=0)))
    names = [place for turn in turns for place, places in room.items() if turn < places]
    return [Slot(name, share.threads) for name in names[:runs] or [f"a node/{share.device}"]]
