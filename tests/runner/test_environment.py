"""What a run records of its environment, also where the package is neither installed nor in its repository."""

import json
import logging
import ntpath
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
import torch
from conftest import REPOSITORY

from resnet_repro import __version__
from resnet_repro.runner import environment
from resnet_repro.runner.commit import BUILT_FROM, COMMIT_VARIABLE, find_commit, git_state, stated_commit
from resnet_repro.runner.environment import describe_environment, repeatable, versions

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_versions_are_those_of_the_packages_not_of_their_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("resnet_repro.runner.environment.version", missing)
    found = versions()
    assert (found["resnet-repro"], found["torch"]) == (__version__, torch.__version__)
    assert type(found["torch"]) is str  # torch's own class cannot be read back from a checkpoint
    assert found["torchvision"] is None


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="asks git for the commit")
def test_a_run_from_a_clone_records_its_commit() -> None:
    recorded = describe_environment(torch.device("cpu"), "fp32", "eager", {})["git"]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert (recorded["commit"], recorded["from"]) == (commit.stdout.strip(), "git")


def test_without_a_repository_the_commit_comes_from_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert git_state(tmp_path) is None
    monkeypatch.delenv(COMMIT_VARIABLE, raising=False)
    assert stated_commit() is None
    monkeypatch.setenv(COMMIT_VARIABLE, f" {COMMIT}\n")
    assert stated_commit() == {"commit": COMMIT, "dirty": None, "from": COMMIT_VARIABLE}
    monkeypatch.setenv(COMMIT_VARIABLE, "$(git rev-parse HEAD)")
    with caplog.at_level(logging.WARNING):
        assert stated_commit() is None
    assert caplog.messages == ["RESNET_REPRO_COMMIT: should be the commit's 7 to 64 hexadecimal digits; it is ignored"]


def test_an_installed_wheel_knows_the_commit_that_it_was_built_from_unless_another_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnet_repro.runner.commit.PACKAGE", tmp_path)
    monkeypatch.delenv(COMMIT_VARIABLE, raising=False)
    assert find_commit() is None  # built outside a repository
    (tmp_path / BUILT_FROM).write_text(json.dumps({"commit": COMMIT, "dirty": True, "from": "git"}))
    assert find_commit() == {"commit": COMMIT, "dirty": True, "from": "build"}
    monkeypatch.setenv(COMMIT_VARIABLE, COMMIT[::-1])
    assert find_commit() == {"commit": COMMIT[::-1], "dirty": None, "from": COMMIT_VARIABLE}


def test_a_copy_on_the_path_trains_and_records_the_commit(tiny: Path, tmp_path: Path) -> None:
    """As on a machine to which only the files were copied: nothing is installed, and there is no repository."""
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "resnet_repro").symlink_to(REPOSITORY / "resnet_repro")
    program = (
        "import importlib.metadata as m, sys\n"
        "find = m.Distribution.from_name\n"
        "def hidden(name):\n"
        "    if name == 'resnet-repro': raise m.PackageNotFoundError(name)\n"
        "    return find(name)\n"
        "m.Distribution.from_name = hidden\n"
        "import resnet_repro.runner.commit as e\n"
        "e.git_state = lambda package: None\n"
        "from resnet_repro.cli import main\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(copy), COMMIT_VARIABLE: COMMIT}
    arguments = ["train", tiny, "--results", tmp_path / "results", "--device", "cpu"]
    command = [sys.executable, "-c", program, *map(str, arguments)]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True)
    recorded = json.loads((tmp_path / "results/tiny/seed-0/environment.json").read_text())
    assert recorded["git"] == {"commit": COMMIT, "dirty": None, "from": COMMIT_VARIABLE}
    assert recorded["versions"]["resnet-repro"] == __version__


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        ("plain56.yaml --seed 3 --results /home/me/r --data-dir ~/d", "plain56.yaml --seed 3"),
        ("HERE/experiments/plain56.yaml --results=/home/me/r --jobs auto", "experiments/plain56.yaml"),
        ("/home/me/x.yaml ../y.yaml --set training.steps=40", "x.yaml ../y.yaml --set training.steps=40"),
        ("a.yaml --restart --time-limit 8h --checkpoint-seconds 5 --deterministic", "a.yaml --deterministic"),
        ("a.yaml --import=/home/me/rezero.py --import /home/me/b.py", "a.yaml --import=rezero.py --import b.py"),
        ("--results", ""),
    ],
)
def test_the_recorded_command_names_no_private_folder(
    typed: str, recorded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert repeatable(["train", *typed.replace("HERE", str(tmp_path)).split()]) == ["train", *recorded.split()]


def test_a_command_given_on_windows_is_recorded_as_it_can_be_repeated_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Windows(PureWindowsPath):
        cwd = classmethod(lambda cls: cls(r"C:\work"))

    monkeypatch.setattr(environment, "os", SimpleNamespace(path=ntpath, sep="\\"))
    monkeypatch.setattr(environment, "Path", Windows)
    given = [r"experiments\quick", r"c:\WORK\experiments\x.yaml", r"D:\private\y.yaml", r"C:\work\..\secret\z.yaml"]
    assert repeatable(given) == ["experiments/quick", "experiments/x.yaml", "y.yaml", "z.yaml"]
