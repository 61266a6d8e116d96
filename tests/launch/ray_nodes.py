"""Nodes of a Ray cluster on this machine, for tests. Ray listens on all interfaces: see test_cluster_ray.py."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ADDRESS = "127.0.0.1:6399"


@contextmanager
def node(
    temporary: Path, *, head: bool = False, within: Sequence[str] = (), **env: str
) -> Iterator[subprocess.Popen[str]]:
    """A node with one CPU, in a group of processes of its own; `within` is a command that starts it."""
    ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
    place = ("--head", "--port=6399", "--include-dashboard=false", f"--temp-dir={temporary}") if head else ()
    where = place or (f"--address={ADDRESS}",)
    command = [*within, *ray, *where, "--node-ip-address=127.0.0.1", "--num-cpus=1", "--object-store-memory=100000000"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **env}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout
    with process.stdout:
        assert any("Ray runtime started" in line for line in process.stdout)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()
            kill(process)


def kill(node: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)
    node.wait()
