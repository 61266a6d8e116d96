"""Times eight short runs side by side on two CPU cores, by the queue of one machine and by a Ray cluster of two nodes.

    PYTHONPATH=tests python tests/launch/compare_queues.py OUTPUT.json

Like `make cluster-test` it needs a network namespace of loopback alone, and Ray. Both train the same specs from the
same command; Ray's time leaves out the start of its nodes, which a cluster does once.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers import command_line
from ray_nodes import ADDRESS, node

from resnet_repro.runner.environment import versions

RUNS = 8
SPEC = """\
model: {depth: 20, shortcut: identity}
data: {dataset: synthetic, train_images: 5000, test_images: 200}
training: {steps: 20, batch_size: 128, evaluate_every: 20, milestones: [15], clean_images: 200}
"""


def seconds(spec: Path, results: Path, *arguments: str) -> float:
    """How long the command takes, from its start to its end."""
    command = command_line(
        "train", spec, "--seeds", f"0-{RUNS - 1}", "--device", "cpu", "--results", results, *arguments
    )
    began = time.monotonic()
    subprocess.run([*command, "--jobs", "auto"], check=True, capture_output=True, cwd=spec.parent)
    return time.monotonic() - began


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="rq") as name:  # Ray's sockets need a short path
        folder = Path(name)
        spec = folder / "short.yaml"
        spec.write_text(SPEC)
        local = seconds(spec, folder / "local")
        with node(folder / "ray", head=True), node(folder / "ray"):
            cluster = seconds(spec, folder / "cluster", "--on", f"ray={ADDRESS}")
    measured = {"runs": RUNS, "queue_seconds": local, "ray_seconds": cluster, "versions": versions()}
    Path(sys.argv[1]).write_text(json.dumps(measured, indent=2) + "\n")
    print(f"{RUNS} runs of 20 steps: {local:.0f} s by the queue, {cluster:.0f} s by Ray ({cluster / local - 1:+.0%})")


if __name__ == "__main__":
    main()
