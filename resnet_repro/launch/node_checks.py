"""Checks every node of a cluster before anything trains: the results folder, the versions and the data."""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from resnet_repro.errors import summary_of
from resnet_repro.files import write_text
from resnet_repro.launch.cluster import import_ray
from resnet_repro.launch.node import check_here, versions
from resnet_repro.launch.nodes import Node
from resnet_repro.runner.options import TrainOptions
from resnet_repro.spec import DataSpec

ANSWER_SECONDS = 180.0  # in which a node imports torch and reads its data


def check_nodes(nodes: Sequence[Node], digests: Mapping[DataSpec, str], options: TrainOptions) -> list[str]:
    """Each fault in one line that names the node, what is wrong and the fix.

    The command writes a file into the results folder. Each node reads it and answers with a file of its own.
    """
    ray = import_ray()
    text, name = secrets.token_hex(16), f".cluster-check-{secrets.token_hex(8)}"
    question = options.results.absolute() / name
    answers = {node.id: question.with_name(f"{name}-{node.id}") for node in nodes}
    order = ray.put((options.data_dir.absolute(), list(digests.items()), options.imported))
    expected = versions()
    check = ray.remote(num_cpus=0, max_calls=1, max_retries=0)(check_here)
    write_text(question, text)
    try:
        asked = {
            node: check.options(scheduling_strategy=pinned(node.id)).remote(
                expected, str(question), str(answers[node.id]), [order]
            )
            for node in nodes
        }
        dead = _await({reference: node.id for node, reference in asked.items()})
        faults = []
        for node, reference in asked.items():
            if node.id in dead:  # meanwhile: no run will go there
                continue
            try:
                found = ray.get(reference, timeout=0)
            except ray.exceptions.GetTimeoutError:
                ray.cancel(reference, force=True)
                found = [f"does not answer within {ANSWER_SECONDS:.0f} seconds; stop it with `ray stop` there"]
            except ray.exceptions.RayError as error:
                found = [f"cannot run resnet-repro ({cause(error)}); install it there as here"]
            else:
                if not found and not _holds(answers[node.id], text):
                    found = [f"writes into another {question.parent}; put --results on a file system that all share"]
            faults += [f"node {node.name} {fault}" for fault in found]
        return faults
    finally:
        for path in (question, *answers.values()):
            with suppress(OSError):
                path.unlink()


def _await(asked: Mapping[Any, str]) -> set[str]:
    """Wait for the answers of nodes. Returns the nodes that have died, for whose tasks Ray may wait for ever."""
    ray = import_ray()
    deadline = time.monotonic() + ANSWER_SECONDS
    waiting, dead = list(asked), set[str]()
    while time.monotonic() < deadline and any(asked[task] not in dead for task in waiting):
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=1.0)
        dead = {node["NodeID"] for node in ray.nodes() if not node["Alive"]}
    return dead


def pinned(node: str) -> object:
    """Ray's scheduling strategy for a task that must run on this node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text
    except OSError:
        return False


def cause(error: Exception) -> str:
    """The last line of an error on a node, which stands below its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else summary_of(error)
