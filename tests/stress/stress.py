"""Kill trainings at random moments, resume each by the same command, and compare the results bit for bit.

`make stress` runs it. It writes its tables into README.md beside it.
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
from helpers import command_line, result_of

from resnet_repro.text_tables import counted, markdown_table
from resnet_repro.training.device import device_name

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
LABEL = "net/seed-0"
MOMENT = 4.0  # seconds after the start of training, within which the signal is sent
PATIENCE = 300.0  # seconds for a process to end


class Attempt(NamedTuple):
    """One process, or one torchrun, that has ended."""

    code: int
    killed: bool  # False if it ended before the signal


def command(ranks: int, results: Path) -> list[str]:
    train = ("train", HERE / "net.yaml", "--results", results, "--device", "cpu", "--checkpoint-seconds", "0.05")
    python, *module = command_line(*train)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    return [python, *launch, *module]


def attempt(ranks: int, results: Path, number: signal.Signals | None, chance: random.Random) -> Attempt:
    """Train; at a random moment send SIGKILL to one process of the run, or SIGTERM to all of it."""
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
    """The process that gets the signal; under torchrun a random rank gets SIGKILL."""
    if ranks == 1 or number == signal.SIGTERM:
        return str(parent)
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return chance.choice(children.stdout.split() or [str(parent)])


def stress(
    ranks: Annotated[int, typer.Option(help="Processes of a training; torchrun starts them if more than one.")] = 1,
    kills: Annotated[int, typer.Option(help="How many SIGKILLs to send.")] = 30,
    stops: Annotated[int, typer.Option(help="How many SIGTERMs to send.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the random moments.")] = 0,
) -> None:
    """Kill trainings again and again, and write the results into README.md."""
    chance, began = random.Random(seed), time.monotonic()  # noqa: S311  (nothing is secret here)
    ahead = [signal.SIGKILL] * kills + [signal.SIGTERM] * stops
    chance.shuffle(ahead)
    tried: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    trainings = 0
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / "whole"
        assert attempt(ranks, whole, None, chance).code == 0
        expected = result_of(whole / LABEL)
        while ahead:
            trainings += 1
            results = Path(temporary) / str(trainings)
            received: list[str] = []
            while (run := attempt(ranks, results, ahead[-1] if ahead else None, chance)).code != 0:
                if not run.killed or len(received) > kills + stops:
                    break  # it failed without a signal
                received.append(ahead.pop().name)
                tried[received[-1]] += 1
            same = run.code == 0 and result_of(results / LABEL) == expected
            lost.update([] if same else received or ["by itself"])
            result = "same bits" if same else f"LOST (exit code {run.code})"
            print(f"training {trainings}: {', '.join(received) or 'no signal'}: {result}", file=sys.stderr)
    write(ranks, tried, lost, trainings, time.monotonic() - began)
    raise typer.Exit(1 if lost else 0)


def write(ranks: int, tried: Counter[str], lost: Counter[str], trainings: int, took: float) -> None:
    """Replace the table of one process, or of so many ranks, in README.md."""
    how = f"torchrun, {ranks} ranks" if ranks > 1 else "one process"
    rows = [[name, str(tried[name]), str(tried[name] - lost[name]), str(lost[name])] for name in sorted(tried)]
    conditions = (
        f"{datetime.now(UTC).date()} · {device_name(torch.device('cpu'))} · torch {torch.__version__} · "
        f"{counted(trainings, 'training')} of 300 steps, {took / 60:.0f} minutes"
    )
    table = f"\n{conditions}\n\n{markdown_table(['signal', 'tried', 'survived', 'lost'], rows)}\n"
    page = PAGE.read_text()
    start, end = f"<!-- {how} -->\n", f"<!-- /{how} -->"
    before, rest = page.split(start)
    PAGE.write_text(f"{before}{start}{table}{end}{rest.split(end)[1]}")
    print(table)


if __name__ == "__main__":
    typer.run(stress)
