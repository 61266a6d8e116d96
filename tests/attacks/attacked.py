"""A results folder to attack, and what must hold afterwards."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SPEC = """\
model: {depth: 8, width: 2, shortcut: none}
data: {dataset: synthetic, train_images: 64, test_images: 32}
training: {steps: 8, batch_size: 16, learning_rate: 0.05, evaluate_every: 4, clean_images: 16, precision: fp32}
probes: {measure: [layer_response, input_percentiles], every: 4, images: 16}
"""
RUN, UNFINISHED = "plain8/seed-0", "resnet8/seed-0"  # in the results folder; one finished, one with a checkpoint

# Every command that reads or writes a results folder, as it is typed beside `results`. The last two need weights.
COMMANDS = {
    "list": ["list", "results"],
    "table": ["table", "results"],
    "table --published": ["table", "results", "--published"],
    "claims": ["claims", "results"],
    "plot": ["plot", "results", "--format", "svg"],
    "plot of curves": ["plot", "results", "--format", "svg", "--figure", "curves"],
    "plot of probes": [
        "plot",
        "results",
        "--format",
        "svg",
        "--figure",
        "layer-responses",
        "--figure",
        "percentile-drift",
    ],
    "report": ["report", "results"],
    "log": ["log", "results", "--to", "tensorboard"],
    "train": ["train", "plain8.yaml", "resnet8.yaml", "--device", "cpu"],
    "train --jobs": ["train", "plain8.yaml", "resnet8.yaml", "--device", "cpu", "--jobs", "2"],
    "evaluate": ["evaluate", f"results/{RUN}", "--output", "evaluated"],
    "export": ["export", f"results/{RUN}", "exported"],
}


class Case(NamedTuple):
    """A command in a copy of the folder after an attack."""

    name: str
    folder: Path
    arguments: list[str]


class Result(NamedTuple):
    code: int
    out: str
    err: str
    seconds: float


def make_results() -> None:
    """Make this folder a project: two specs, a finished run and an interrupted one."""
    from helpers import StopAt, train

    from resnet_repro.spec.file import load_spec

    for name, shortcut in (("plain8", "none"), ("resnet8", "identity")):
        Path(f"{name}.yaml").write_text(SPEC.replace("shortcut: none", f"shortcut: {shortcut}"))
    train(load_spec("plain8.yaml"), Path("results"))
    train(load_spec("resnet8.yaml"), Path("results"), StopAt(5))


def copy(results: Path, folder: Path) -> Path:
    """A copy of the project in a folder of its own, with an outside that nothing may change."""
    project = folder / "project"
    shutil.copytree(results, project, symlinks=True)
    outside = folder / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "dear.txt").write_text("dear\n")
    return project


def digest(folder: Path) -> str:
    """A hash of everything below a folder: names, kinds, contents."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found.update(f"{path.relative_to(folder)} {path.lstat().st_mode} {len(content)}\n".encode() + content)
    return found.hexdigest()


class Forked:
    """The process whose forked children make the project and run the commands; it imports everything once."""

    def __init__(self, project: Path) -> None:
        paths = os.pathsep.join([str(HERE.parent), str(HERE.parent.parent)])
        variables = {"PYTHONPATH": paths, "MALLOC_ARENA_MAX": "2"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "forked.py"), str(project)], env=os.environ | variables, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, cases: list[Case]) -> dict[str, Result]:
        """Run all cases, and return their results by name."""
        assert self.process.stdin
        assert self.process.stdout
        given = [{"arguments": case.arguments, "folder": str(case.folder)} for case in cases]
        self.process.stdin.write(json.dumps(given) + "\n")
        self.process.stdin.flush()
        results: list[dict[str, Any]] = json.loads(self.process.stdout.readline())
        return {case.name: Result(**result) for case, result in zip(cases, results, strict=True)}

    def close(self) -> None:
        self.process.communicate()


def faults(result: Result) -> list[str]:
    """What no attack may achieve, as far as a command's end shows it."""
    found = []
    if result.code < 0:
        found.append(f"killed by signal {-result.code} after {result.seconds:.0f} s")
    elif result.code not in (0, 1):
        found.append(f"exit code {result.code}")
    if "Traceback" in result.err + result.out:
        found.append(result.err[-1500:])
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    if result.code == 1 and not errors:
        found.append(f"no error line: {result.err[-300:]}")
    return found


Prepare = Callable[[Path, Path], object]  # makes an attack ready: (project, outside)


class Arena:
    """Where attacks are tried: copies of one project, and the process that runs commands in them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.results = folder / "results"
        self.results.mkdir()
        self.forked = Forked(self.results)
        self.forked.run([])  # waits for the project
        assert (self.results / "results" / RUN / "weights.safetensors").exists()
        assert (self.results / "results" / UNFINISHED / "checkpoint.pt").exists()

    def project(self) -> Path:
        """A fresh copy of the project."""
        self.count += 1
        return copy(self.results, self.folder / str(self.count))

    def attack(self, attacks: dict[str, Prepare], commands: list[str]) -> None:
        """Try each command after each attack, on a copy of its own. Raises AssertionError with all that went wrong."""
        cases, before = [], []
        for name, prepare in attacks.items():
            for command in commands:
                project = self.project()
                prepare(project, project.parent / "outside")
                cases.append(Case(f"{name}: {command}", project, COMMANDS[command]))
                before.append(digest(project.parent / "outside"))
        found = []
        for case, earlier, (name, result) in zip(cases, before, self.forked.run(cases).items(), strict=True):
            found += [f"{name}: {fault}" for fault in faults(result)]
            if digest(case.folder.parent / "outside") != earlier:
                found.append(f"{name}: something outside has changed")
        assert found == []
