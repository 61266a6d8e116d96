"""What a shell completes on TAB, by the variables in which bash asks for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli

from resnet_repro.cli import completion
from resnet_repro.figures import FIGURES
from resnet_repro.figures.saving import FORMATS
from resnet_repro.figures.style import STYLES
from resnet_repro.launch.reproduce import SCHEDULES


def asking(line: str) -> dict[str, str]:
    """What bash puts into the environment to have the last word of a command line completed."""
    return {"_RESNET_REPRO_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("resnet-repro tr", ["train"]),
        ("resnet-repro data ", ["check", "fetch"]),
        ("resnet-repro --ver", ["--version"]),
        ("resnet-repro train --de", ["--deterministic", "--device"]),
        ("resnet-repro train x.yaml --device ", ["auto", "cpu", "cuda", "mps"]),
        ("resnet-repro train x.yaml --set training.m", ["training.milestones=", "training.momentum="]),
        ("resnet-repro train --set training.warmup.l", ["training.warmup.learning_rate="]),
        ("resnet-repro train x.yaml --vary training.m", ["training.milestones=", "training.momentum="]),
        ("resnet-repro train x.yaml --vary n", []),
        ("resnet-repro reproduce --schedule t", ["tenth"]),
        ("resnet-repro plot results --figure b", ["batch-norm", "branch-ratios"]),
        ("resnet-repro plot results --style ", ["paper", "slides", "web"]),
        ("resnet-repro train experiments/pl", []),  # then bash completes paths
        ("resnet-repro table res", []),
        ("resnet-repro log results --to ", ["tensorboard", "wandb"]),
        ("resnet-repro compare quick/p", ["quick/plain20", "quick/plain56"]),
        ("resnet-repro compare docs/", []),  # then bash completes paths
        ("resnet-repro compare --results results/tenth quick", []),
        ("resnet-repro table results/quick results/tenth --nets quick/p", ["quick/plain20", "quick/plain56"]),
        ("resnet-repro log results/quick --nets quick/plain20,quick/r",
         ["quick/plain20,quick/resnet20", "quick/plain20,quick/resnet56"]),
        ("resnet-repro plot nowhere --nets q", []),
    ],
)  # fmt: skip
def test_bash_completes_commands_options_and_values(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str, completions: list[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    for name, value in asking(line).items():
        monkeypatch.setenv(name, value)
    assert sorted(cli().out.split()) == completions


@pytest.mark.parametrize(
    ("typed", "completions"),
    [
        ("quick/", ["quick/plain20", "quick/plain56", "quick/resnet20", "quick/resnet56"]),
        ("plain110", ["plain110", "plain110-nobn"]),
        ("plain2", []),  # a file here begins so
    ],
)
def test_names_of_experiments_are_completed_where_no_path_begins_alike(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, completions: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain2-mine.yaml").touch()
    for name, value in asking(f"resnet-repro train {typed}").items():
        monkeypatch.setenv(name, value)
    assert sorted(cli().out.split()) == completions


def test_the_values_that_are_completed_are_those_that_there_are() -> None:
    assert tuple(FIGURES) == completion.FIGURES
    assert tuple(FORMATS) == completion.FORMATS
    assert ("auto", *SCHEDULES) == completion.SCHEDULES
    assert tuple(STYLES) == completion.STYLES


def test_all_fields_of_a_spec_are_completed_and_explained() -> None:
    fields = dict(completion.fields_to_set())
    page = (REPOSITORY / "docs/spec.md").read_text()
    assert {*fields, "training.warmup=", "start="} == {
        f"{name}=" for name in re.findall(r"^\| `([\w.]+)` ", page, flags=re.MULTILINE)
    }
    assert all(fields.values())


def test_completing_needs_no_torch_and_no_matplotlib() -> None:
    line = "resnet-repro train --set model.dep"
    program = (
        "import sys; from resnet_repro.cli import main; sys.argv = ['resnet-repro']\ntry: main()\n"
        "except SystemExit: sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asking(line), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["model.depth="], "")
