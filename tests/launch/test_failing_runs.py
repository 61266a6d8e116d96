"""A run that fails, for whatever reason, leaves the other runs of the command alone."""

import errno
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from conftest import Cli

from resnet_repro.errors import notice
from resnet_repro.launch import command
from resnet_repro.launch.tasks import Task
from resnet_repro.launch.tracking import QueuedRun
from resnet_repro.launch.worker import Assignment, Worker
from resnet_repro.record.folder import FolderStatus, RunFolder
from resnet_repro.record.run import read_run
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.runner.options import TrainOptions
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec
from resnet_repro.training.loop import Trainer


def test_whatever_makes_a_run_fail_is_one_line_and_the_next_run_trains(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of torch, of Python, of a compiler, and data that are not there."""
    failing = {
        "gpu": torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB"),
        "memory": MemoryError(),
        "compiler": RuntimeError("CppCompileError: C++ compile error\n\nCommand: /nonexistent -x c++\n" * 20),
        "bug": KeyError("key"),
    }

    def build(experiment: Experiment, *arguments: Any) -> Trainer:
        if error := failing.get(experiment.name):
            raise error
        return build_trainer(experiment, *arguments)

    monkeypatch.setattr("resnet_repro.runner.train.build_trainer", build)
    for name in failing:
        (tmp_path / f"{name}.yaml").write_text(tiny.read_text())
    for name in ("no-data", "no-data-either"):
        (tmp_path / f"{name}.yaml").write_text("model: {depth: 20}")
    arguments = ("--results", tmp_path / "r", "--device", "cpu", "--data-dir", tmp_path)
    outcome = cli(
        "train", *(tmp_path / f"{name}.yaml" for name in failing), *tmp_path.glob("no*.yaml"), tiny, *arguments
    )
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert "there is no CIFAR-10 here" in errors[0]
    assert [line.split("/seed-0: ")[0].removeprefix("error: ") for line in errors[1:]] == list(failing)
    log = tmp_path / "r/gpu/seed-0/train.log"
    assert errors[1].endswith(
        f"OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB; {log} has the traceback"
    )
    assert ", in build\n" in log.read_text()
    assert read_run(tmp_path / "r/tiny/seed-0").status == "finished"


@pytest.mark.parametrize("arguments", [("--jobs", 1), ("--dry-run",)])
def test_a_run_whose_folder_cannot_be_used_is_one_line_and_the_next_run_trains(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...]
) -> None:
    """A damaged folder, one that holds a run of another spec, and one without read permission."""
    status = RunFolder.status

    def denied_to_one(folder: RunFolder, restart: bool = False) -> FolderStatus:
        if folder.experiment.name == "denied":
            raise PermissionError(errno.EACCES, "Permission denied", "spec.yaml")
        return status(folder, restart)

    monkeypatch.setattr(RunFolder, "status", denied_to_one)
    results = tmp_path / "r"
    specs = [tmp_path / f"{name}.yaml" for name in ("damaged", "denied", "other")]
    for spec in specs:
        spec.write_text(tiny.read_text())
        folder = RunFolder(results, load_spec(spec, ("training.steps=16",) if spec.stem == "other" else ()))
        folder.path.mkdir(parents=True)
        folder.begin({})
    (results / "damaged/seed-0/summary.json").write_text("{")
    outcome = cli("train", *specs, tiny, "--results", results, "--device", "cpu", *arguments)
    damaged, denied, other = (results / f"{spec.stem}/seed-0" for spec in specs)
    assert outcome.code == 1
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert errors[:2] == [
        f"error: {damaged / 'summary.json'}: is damaged: it should hold a JSON object; delete it or restore it",
        f"error: {denied}: Permission denied; choose another --results or make room there",
    ]
    assert errors[2].startswith(
        f"error: {other / 'spec.yaml'}: holds a run of another spec (training.steps: 24 against"
    )
    assert len(errors) == 3
    assert ("tiny/seed-0  new" in outcome.out) if "--dry-run" in arguments else read_run(results / "tiny/seed-0").rows


def test_a_run_side_by_side_whose_log_cannot_be_written_is_one_line_that_names_no_log(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, options = load_spec(tiny), TrainOptions(tmp_path, tmp_path, "cpu")
    folder = RunFolder(tmp_path, experiment)
    folder.path.parent.mkdir()
    folder.path.touch()
    send = Mock()
    Worker(options, send, lambda: False).train(Assignment(experiment))
    run = QueuedRun(Task(experiment, "new"), folder.log)
    run.take(send.call_args.args[1])
    assert capsys.readouterr().err == ""
    assert command._exit_code([run], notice) == 1
    assert capsys.readouterr().err == (
        f"error: tiny/seed-0: {folder.path}: File exists; choose another --results or make room there\n"
    )
