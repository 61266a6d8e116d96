"""A run from spec to folder: stopped and resumed it is the same run, bit for bit."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from resnet_repro.errors import RunError
from resnet_repro.record.rows import TIMING
from resnet_repro.record.run import Run, read_run
from resnet_repro.runner.assembly import build_net
from resnet_repro.runner.train import Session, Watcher, train_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec
from resnet_repro.training.loop import Trainer


class Stopper(Watcher):
    """Asks for a stop, as Ctrl-C does, after a given step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # as some launchers pass it on


def session(results: Path, checkpoint_seconds: float = 60.0) -> Session:
    return Session(results, Path("data"), torch.device("cpu"), checkpoint_seconds=checkpoint_seconds)


def result(folder: Path) -> tuple[list[tuple[object, ...]], dict[str, torch.Tensor]]:
    """Everything of a run but its timing."""
    rows = [tuple(v for k, v in vars(row).items() if k not in TIMING) for row in read_run(folder).rows]
    return rows, load_file(folder / "weights.safetensors")


def assert_same_result(ours: Path, theirs: Path) -> None:
    our_rows, our_weights = result(ours)
    their_rows, their_weights = result(theirs)
    assert our_rows == their_rows
    assert our_weights.keys() == their_weights.keys()
    assert all(torch.equal(our_weights[name], their_weights[name]) for name in our_weights)


def test_the_run_folder_holds_what_the_contract_says(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(tiny)
    assert train_run(experiment, session(tmp_path), Watcher()) == "finished"
    folder = tmp_path / "tiny/seed-0"
    assert sorted(path.name for path in folder.iterdir()) == [
        "environment.json", "metrics.csv", "spec.yaml", "summary.json", "weights.safetensors",
    ]  # fmt: skip
    run = read_run(folder)
    assert load_spec(folder / "spec.yaml") == experiment
    assert [row.step for row in run.rows] == [4, 8, 12, 16, 20, 24]
    assert [row.test_error_pct is not None for row in run.rows] == [False, True, False, True, False, True]
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["steps"]) == ("finished", 24)
    assert summary["final"]["test_error_pct"] == run.rows[-1].test_error_pct
    assert summary["parameters"] == sum(parameter.numel() for parameter in build_net(experiment).parameters())
    assert summary["data"]["name"] == "synthetic shapes"
    assert summary["data"]["exact"] is False
    assert run.environment["data"] == summary["data"]
    assert {"command", "device", "device_name", "threads", "precision", "git", "versions"} <= run.environment.keys()
    assert run.environment["versions"]["torch"].startswith(torch.__version__.split("+")[0])


def test_the_net_learns(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(tiny, ["training.steps=80", "data.augmentation=none"])
    train_run(experiment, session(tmp_path), Watcher())
    rows = read_run(tmp_path / "tiny/seed-0").rows
    assert rows[-1].train_loss < rows[0].train_loss - 0.1


DROPOUT = ["model.dropout=0.3", "model.shortcut=dropout", "model.shortcut_dropout=0.2"]
PREACTIVATED = ["model.unit=full_preactivation", "model.shortcut=identity", "model.batch_norm_splits=2"]
FIXUP = ["model.normalization=none", "model.initialization=fixup", "model.shortcut=identity"]


@pytest.mark.parametrize(
    ("step", "overrides"), [(1, []), (4, []), (8, []), (13, []), (23, []), (9, DROPOUT), (9, PREACTIVATED), (9, FIXUP)]
)
def test_stopped_and_resumed_is_as_if_never_stopped(
    tiny: Path, tmp_path: Path, step: int, overrides: list[str]
) -> None:
    experiment = load_spec(tiny, overrides)
    assert train_run(experiment, session(tmp_path / "whole"), Watcher()) == "finished"
    assert train_run(experiment, session(tmp_path / "parts"), Stopper(step)) == "interrupted"
    folder = tmp_path / "parts/tiny/seed-0"
    stopped = read_run(folder)
    assert (stopped.status, stopped.summary["steps"]) == ("interrupted", step)
    assert train_run(experiment, session(tmp_path / "parts"), Watcher()) == "finished"
    assert_same_result(folder, tmp_path / "whole/tiny/seed-0")
    assert len(read_run(folder).environment["resumed"]) == 1


def test_an_interrupted_run_does_not_go_on_with_other_data(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_spec(tiny)
    train_run(experiment, session(tmp_path), Stopper(5))
    before = read_run(tmp_path / "tiny/seed-0")
    monkeypatch.setattr("resnet_repro.data.synthetic.TRAIN_SEED", 1)
    with pytest.raises(RunError, match=r"checkpoint\.pt: the checkpoint is of another data; delete it"):
        train_run(experiment, session(tmp_path), Watcher())
    assert read_run(tmp_path / "tiny/seed-0") == before


def test_a_killed_run_goes_on_from_its_checkpoint(tiny: Path, tmp_path: Path) -> None:
    class Death(Watcher):
        def stepped(self, trainer: Trainer) -> None:
            if trainer.step == 11:
                raise MemoryError("as if killed")

    experiment = load_spec(tiny)
    assert train_run(experiment, session(tmp_path / "whole"), Watcher()) == "finished"
    with pytest.raises(MemoryError):
        train_run(experiment, session(tmp_path / "parts", checkpoint_seconds=0.0), Death())
    folder = tmp_path / "parts/tiny/seed-0"
    assert read_run(folder).status == "unfinished"
    assert train_run(experiment, session(tmp_path / "parts"), Watcher()) == "finished"
    assert_same_result(folder, tmp_path / "whole/tiny/seed-0")


def test_a_diverged_run_is_a_result(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(tiny, ["training.learning_rate=1e30", "model.normalization=none"])
    assert train_run(experiment, session(tmp_path), Watcher()) == "diverged"
    run: Run = read_run(tmp_path / "tiny/seed-0")
    assert run.status == "diverged"
    assert run.final is not None
    assert run.summary["steps"] == run.final.step + 1
    assert run.final.test_error_pct is None
    assert not (run.path / "weights.safetensors").exists()


def test_equal_seeds_give_equal_runs_and_others_do_not(tiny: Path, tmp_path: Path) -> None:
    first = load_spec(tiny)
    other: Experiment = first.model_copy(update={"seed": 1})
    for results in ("a", "b"):
        train_run(first, session(tmp_path / results), Watcher())
    train_run(other, session(tmp_path / "a"), Watcher())
    assert_same_result(tmp_path / "a/tiny/seed-0", tmp_path / "b/tiny/seed-0")
    assert result(tmp_path / "a/tiny/seed-0")[0] != result(tmp_path / "a/tiny/seed-1")[0]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_program_resumably(tiny: Path, tmp_path: Path, signal_number: signal.Signals) -> None:
    command = [sys.executable, "-m", "resnet_repro", "train", tiny, "--results", tmp_path / "r", "--device", "cpu",
               "--set", "training.steps=100000"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "r/tiny/seed-0/metrics.csv"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text().count("\n") > 2):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal_number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    assert (metrics.parent / "checkpoint.pt").exists()
    assert read_run(metrics.parent).status == "interrupted"
