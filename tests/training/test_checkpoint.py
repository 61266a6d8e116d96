"""Checkpoints restore a run exactly, and are refused if damaged or of another spec or data."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from resnet_repro.data import Dataset
from resnet_repro.data.dataset import Split
from resnet_repro.errors import RunError
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec
from resnet_repro.training.checkpoint import FORMAT, Checkpoints
from resnet_repro.training.loop import Trainer

EXPERIMENT = Experiment(
    name="tiny",
    model=ModelSpec(depth=8, width=2),
    data=DataSpec(dataset="synthetic", train_images=40, test_images=10),
    training=TrainingSpec(steps=12, batch_size=8, record_every=4, evaluate_every=12, precision="fp32"),
)
RECORDED = {"environment.json": b'{"device": "cpu"}', "metrics.csv": b"step\n4\n", "probes.csv": b""}
ORIGIN = {"spec": EXPERIMENT.model_dump(mode="json"), "data": {"name": "random", "digest": "0"}}


def checkpoints(newest: Path) -> Checkpoints:
    return Checkpoints(newest, newest.with_name("previous.pt"))


def trainer_of(experiment: Experiment = EXPERIMENT, steps: int = 0) -> Trainer:
    """A trainer that has taken some steps, on random images."""
    random = np.random.default_rng(0)
    train, test = (
        Split(random.integers(0, 256, (images, 32, 32, 3), np.uint8), random.integers(0, 10, images))
        for images in (40, 10)
    )
    trainer = build_trainer(experiment, Dataset("random", False, "", train, test), torch.device("cpu"))
    run = trainer.run()
    for _ in range(steps):
        next(run)
    return trainer


def held(trainer: Trainer) -> dict[str, Any]:
    momenta = trainer.engine.optimizer.momentum_buffers.values()
    return {
        **trainer.engine.net.state_dict(),
        **{f"momentum {number}": momentum for number, momentum in enumerate(momenta)},
        "history": trainer.history,
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "checkpoint.pt"
    checkpoints(path).save(trainer_of(steps=5), ORIGIN, RECORDED)
    return path.read_bytes()


@pytest.mark.parametrize("steps", [0, 5, 12])
def test_a_saved_state_is_loaded_bit_for_bit(tmp_path: Path, steps: int) -> None:
    trainer, loaded = trainer_of(steps=steps), trainer_of()
    checkpoints(tmp_path / "checkpoint.pt").save(trainer, ORIGIN, RECORDED)
    checkpoints(tmp_path / "checkpoint.pt").load(loaded, ORIGIN)
    expected, found = held(trainer), held(loaded)
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    assert (loaded.step, loaded.row_step) == (steps, steps // 4 * 4)


@pytest.mark.parametrize("stop", [1, 4, 11])
def test_training_resumes_from_a_checkpoint_bit_for_bit(tmp_path: Path, stop: int) -> None:
    checkpoints(tmp_path / "checkpoint.pt").save(trainer_of(steps=stop), ORIGIN, RECORDED)
    resumed = trainer_of()
    checkpoints(tmp_path / "checkpoint.pt").load(resumed, ORIGIN)
    list(resumed.run())
    expected, found = held(trainer_of(steps=12)), held(resumed)
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_saving_keeps_the_previous_checkpoint_and_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"old")
    checkpoints(path).save(trainer_of(steps=3), ORIGIN, RECORDED)
    assert {file.name: file.read_bytes() == b"old" for file in tmp_path.iterdir()} == {
        "checkpoint.pt": False, "previous.pt": True,
    }  # fmt: skip
    loaded = trainer_of()
    checkpoints(path).load(loaded, ORIGIN)
    assert loaded.step == 3


def test_a_failed_save_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoints(path).save(trainer_of(steps=3), ORIGIN, RECORDED)

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="no space left"):
            checkpoints(path).save(trainer_of(steps=5), ORIGIN, RECORDED)
    loaded = trainer_of()
    checkpoints(path).load(loaded, ORIGIN)
    assert loaded.step == 3


def assert_refused(path: Path, reason: str, origin: dict[str, Any] = ORIGIN) -> None:
    trainer = trainer_of()
    before = {name: tensor.clone() for name, tensor in held(trainer).items()}
    with pytest.raises(RunError) as failure:
        checkpoints(path).load(trainer, origin)
    text = str(failure.value)
    assert text.startswith(f"{path}: the checkpoint is {reason}")
    assert "--restart" in text
    assert trainer.step == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in held(trainer).items())


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x02.", b"PK\x03\x04"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    assert_refused(path, "damaged")


@pytest.mark.parametrize("content", [{}, [], 5, None, "text", {"origin": ORIGIN}])
def test_a_torch_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    assert_refused(path, "damaged")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, saved: bytes, share: float) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(saved[: int(share * len(saved))])
    assert_refused(path, "damaged")


def test_changed_bytes_are_noticed_or_harmless(tmp_path: Path, saved: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    expected = held(trainer_of(steps=5))
    loaded_wrong = []
    for start in range(0, len(saved), len(saved) // 100):
        lost = saved[start : start + 16]
        path.write_bytes(saved[:start] + bytes(255 - byte for byte in lost) + saved[start + len(lost) :])
        trainer = trainer_of()
        try:
            checkpoints(path).load(trainer, ORIGIN)
        except RunError:
            continue
        found = held(trainer)
        if not all(torch.equal(tensor, found[name]) for name, tensor in expected.items()):
            loaded_wrong.append(start)
    assert loaded_wrong == []


def test_code_in_a_checkpoint_is_not_run_even_behind_a_right_checksum(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    buffer = io.BytesIO()
    torch.save({"origin": Payload()}, buffer)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(FORMAT + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
    with pytest.raises(RunError, match="not a resnet-repro checkpoint"):
        checkpoints(path).load(trainer_of(), ORIGIN)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"spec": EXPERIMENT.model_copy(update={"seed": 1}).model_dump(mode="json")}, "spec"),
        ({"data": {"name": "random", "digest": "1"}}, "data"),
        ({"spec": {}, "data": {}}, "spec and data"),
    ],
)
def test_a_checkpoint_of_another_origin_is_refused(tmp_path: Path, changes: dict[str, Any], differing: str) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoints(path).save(trainer_of(steps=2), ORIGIN, RECORDED)
    assert_refused(path, f"of another {differing};", {**ORIGIN, **changes})
