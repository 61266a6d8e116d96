"""A run that fails, for whatever reason, leaves the other runs of the command alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Cli

from resnet_repro.record.run import read_run
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import Experiment
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
