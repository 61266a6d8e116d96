"""Nodes of a Ray cluster on this machine, for tests. Ray listens on all interfaces: see test_cluster_ray.py."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

PORT = 6399
ADDRESS = f"127.0.0.1:{PORT}"
hosts = count(2)  # each node has an address of its own, or a command may join one that is not the head


class Node:
    """A node with one CPU, in a group of processes of its own; `within` is a command that starts it."""

    def __init__(self, temporary: Path, *, head: bool = False, within: Sequence[str] = (), **env: str) -> None:
        ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        host = 1 if head else next(hosts)
        first = ("--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={temporary}")
        place = first if head else (f"--address={ADDRESS}",)
        size = (f"--node-ip-address=127.0.0.{host}", "--num-cpus=1", "--object-store-memory=100000000")
        self.process = subprocess.Popen(
            [*within, *ray, *place, *size],
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **env},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def wait_until_it_runs(self) -> None:
        assert self.process.stdout
        said: list[str] = []
        for line in self.process.stdout:
            if "Ray runtime started" in line:
                return
            said.append(line)
        raise AssertionError("".join(said))

    def signal(self, number: signal.Signals) -> None:
        """Send all its processes a signal."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def has(self, process: int) -> bool:
        """Whether a process is one of the node's."""
        while process > 1 and process != self.process.pid:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        return process == self.process.pid

    def stop(self) -> None:
        assert self.process.stdout
        self.process.terminate()
        self.process.wait()
        self.signal(signal.SIGKILL)
        self.process.stdout.close()


@contextmanager
def running(node: Node) -> Iterator[Node]:
    """A node that runs until the end. Those of one cluster must start one after another."""
    try:
        node.wait_until_it_runs()
        yield node
    finally:
        node.stop()
