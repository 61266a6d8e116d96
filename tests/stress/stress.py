"""Kill trainings at random moments, resume each by the same command, and compare what they come to, bit for bit.

`make stress` runs it; the tables it has made are in README.md beside it.
"""

import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import typer

from resnet_repro.record.rows import TIMING
from resnet_repro.record.run import METRICS, PROBES, WEIGHTS, read_run
from resnet_repro.text_tables import markdown_table
from resnet_repro.training.device import device_name

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
LABEL = "net/seed-0"
MOMENT = 4.0  # seconds from the first sign of training, within which a kill comes
PATIENCE = 300.0  # seconds for what should end by itself


class Attempt(NamedTuple):
    """One process, or one torchrun, from its start to its end."""

    code: int
    killed: bool  # or it ended before its moment came


def command(ranks: int, results: Path) -> list[str]:
    module = ["-m", "resnet_repro", "train", str(HERE / "net.yaml"), "--results", str(results), "--device", "cpu"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    return [sys.executable, *launch, *module, "--checkpoint-seconds", "0.05"]


def attempt(ranks: int, results: Path, number: signal.Signals | None, chance: random.Random) -> Attempt:
    """Train; at a random moment SIGKILL one process of the run, or ask all of it to stop with SIGTERM."""
    process = subprocess.Popen(command(ranks, results), stderr=subprocess.PIPE, text=True)
    assert process.stderr
    killed = False
    for line in process.stderr:
        if re.search(r"(starts|resumes at step \d+):", line):
            if number:
                time.sleep(chance.uniform(0, MOMENT))
                killed = process.poll() is None
                if killed:
                    subprocess.run(
                        ["kill", f"-{number.value}", victim(process.pid, ranks, number, chance)], check=False
                    )
            break
    process.communicate(timeout=PATIENCE)
    return Attempt(process.returncode, killed)


def victim(parent: int, ranks: int, number: signal.Signals, chance: random.Random) -> str:
    """The process that gets the signal: under torchrun, SIGKILL takes one rank, whichever it is."""
    if ranks == 1 or number == signal.SIGTERM:
        return str(parent)
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return chance.choice(children.stdout.split() or [str(parent)])


def bits(results: Path) -> dict[str, bytes]:
    """All that a run comes to, but for its timing."""
    folder = results / LABEL
    rows = [[value for name, value in vars(row).items() if name not in TIMING] for row in read_run(folder).rows]
    return {
        METRICS: repr(rows).encode(),
        PROBES: (folder / PROBES).read_bytes(),
        WEIGHTS: (folder / WEIGHTS).read_bytes(),
    }


def stress(
    ranks: Annotated[int, typer.Option(help="Processes of the training; torchrun starts more than one.")] = 1,
    kills: Annotated[int, typer.Option(help="How often to send SIGKILL.")] = 30,
    stops: Annotated[int, typer.Option(help="How often to send SIGTERM.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the random moments.")] = 0,
) -> None:
    """Kill trainings again and again; write what came of it into README.md."""
    chance, began = random.Random(seed), time.monotonic()  # noqa: S311  (nothing is secret here)
    ahead = [signal.SIGKILL] * kills + [signal.SIGTERM] * stops
    chance.shuffle(ahead)
    tried: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    trainings = 0
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / "whole"
        assert attempt(ranks, whole, None, chance).code == 0
        expected = bits(whole)
        while ahead:
            trainings += 1
            results, received = Path(temporary) / str(trainings), []
            while (run := attempt(ranks, results, ahead[-1] if ahead else None, chance)).code != 0:
                if not run.killed or len(received) > kills + stops:
                    break  # it failed by itself
                received.append(ahead.pop().name)
                tried[received[-1]] += 1
            same = run.code == 0 and bits(results) == expected
            lost.update([] if same else received or ["by itself"])
            outcome = "same bits" if same else f"LOST (exit code {run.code})"
            print(f"training {trainings}: {', '.join(received) or 'never hit'}: {outcome}", file=sys.stderr)
    write(ranks, tried, lost, trainings, time.monotonic() - began)
    raise typer.Exit(1 if lost else 0)


def write(ranks: int, tried: Counter[str], lost: Counter[str], trainings: int, took: float) -> None:
    how = f"torchrun, {ranks} ranks" if ranks > 1 else "one process"
    rows = [[name, str(tried[name]), str(tried[name] - lost[name]), str(lost[name])] for name in sorted(tried)]
    told = (
        f"{datetime.now(UTC).date()} · {device_name(torch.device('cpu'))} · torch {torch.__version__} · "
        f"{trainings} trainings of 300 steps, {took / 60:.0f} minutes"
    )
    table = f"\n{told}\n\n{markdown_table(['signal', 'tried', 'survived', 'lost'], rows)}\n"
    page = PAGE.read_text()
    start, end = f"<!-- {how} -->\n", f"<!-- /{how} -->"
    before, rest = page.split(start)
    PAGE.write_text(f"{before}{start}{table}{end}{rest.split(end)[1]}")
    print(table)


if __name__ == "__main__":
    typer.run(stress)
