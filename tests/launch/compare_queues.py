"""Times eight short runs on two CPU cores: by the queue of one machine, and by Ray on two nodes with a core each.

    unshare --user --map-root-user --net --mount sh -c 'ip link set lo up &&
        PYTHONPATH=tests .venv/bin/python tests/launch/compare_queues.py results/bench/NAME-cluster.json'

The same command trains them, in turn. The start of the nodes is not counted. `bench --page` shows the file.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

import torch
from helpers import command_line
from ray_nodes import ADDRESS, Node, running

from resnet_repro.bench.scaling import curve_points
from resnet_repro.files import to_json
from resnet_repro.runner.environment import describe_environment

RUNS, ROUNDS, STEPS, BATCH = 8, 2, 10, 128
SPEC = f"""\
model: {{depth: 20, shortcut: identity}}
data: {{dataset: synthetic, train_images: 5000, test_images: 200}}
training: {{
  steps: {STEPS}, batch_size: {BATCH}, evaluate_every: {STEPS}, milestones: [], clean_images: 200, precision: fp32,
}}
"""


def seconds(spec: Path, results: Path, *arguments: str) -> float:
    """How long the command takes, from its start to its end."""
    environment = dict(os.environ)
    environment.pop("OMP_NUM_THREADS")  # which conftest.py sets to 1: --jobs auto would train one run at a time
    seeds = ("--seeds", f"0-{RUNS - 1}", "--jobs", "auto", "--device", "cpu")
    began = time.monotonic()
    subprocess.run(
        command_line("train", spec, *seeds, "--results", results, *arguments), check=True, cwd=spec.parent,
        capture_output=True, env=environment,
    )  # fmt: skip
    return time.monotonic() - began


def main() -> None:
    taken: dict[str, list[float]] = {"the queue": [], "Ray": []}
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="rq") as name:  # Ray's sockets need a short path
        folder = Path(name)
        spec = folder / "short.yaml"
        spec.write_text(SPEC)
        for number in range(ROUNDS):
            taken["the queue"].append(seconds(spec, folder / f"queue-{number}"))
            with running(Node(folder / "ray", head=True)), running(Node(folder / "ray")):
                taken["Ray"].append(seconds(spec, folder / f"cluster-{number}", "--on", f"ray={ADDRESS}"))
            print(", ".join(f"{by} {times[-1]:.1f} s" for by, times in taken.items()), flush=True)
    data = {"name": "synthetic shapes", "exact": False, "digest": ""}
    environment = describe_environment(torch.device("cpu"), "fp32", "", data)
    environment["command"] = ["python", "tests/launch/compare_queues.py", sys.argv[1]]
    speeds = {by: RUNS * STEPS * BATCH / mean(times) for by, times in taken.items()}
    rows = [
        {"device": environment["device_name"], **point, "seconds": taken[point["value"]], "environment": environment}
        for point in curve_points(f"{RUNS} runs of {STEPS} steps, {ROUNDS} times, by", speeds)
    ]
    Path(sys.argv[1]).write_text(to_json(rows))


if __name__ == "__main__":
    main()
