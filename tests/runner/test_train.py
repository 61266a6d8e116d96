"""One run from its spec to its folder; stopped and resumed, it gives the same bits."""

import json
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from conftest import TINY
from forked_command import ForkedCommand
from helpers import DieAt, StopAt, assert_same_result, result_of, train, wait_until

from resnet_repro.errors import RunError
from resnet_repro.record.run import read_run
from resnet_repro.runner.assembly import build_net
from resnet_repro.spec.file import load_spec


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a run that is trained without interruption, once for the same overrides."""

    @cache
    def trained(*overrides: str) -> Path:
        results = tmp_path_factory.mktemp("uninterrupted")
        (results / "tiny.yaml").write_text(TINY)
        experiment = load_spec(results / "tiny.yaml", overrides)
        assert train(experiment, results) == "finished"
        return results / experiment.label

    return trained


def test_the_run_folder_holds_what_the_contract_says(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(tiny)
    assert train(experiment, tmp_path) == "finished"
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
    train(experiment, tmp_path)
    losses = [row.train_loss for row in read_run(tmp_path / "tiny/seed-0").rows if row.train_loss is not None]
    assert losses[-1] < losses[0] - 0.1


DROPOUT = ["model.dropout=0.3", "model.shortcut=dropout", "model.shortcut_dropout=0.2"]
PREACTIVATED = ["model.unit=full_preactivation", "model.shortcut=identity", "model.batch_norm_splits=2"]
FIXUP = ["model.normalization=none", "model.initialization=fixup", "model.shortcut=identity"]


@pytest.mark.parametrize(
    ("step", "overrides"), [(1, []), (4, []), (8, []), (13, []), (23, []), (9, DROPOUT), (9, PREACTIVATED), (9, FIXUP)]
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    uninterrupted: Callable[..., Path], tiny: Path, tmp_path: Path, step: int, overrides: list[str]
) -> None:
    experiment = load_spec(tiny, overrides)
    assert train(experiment, tmp_path, StopAt(step)) == "interrupted"
    folder = tmp_path / "tiny/seed-0"
    stopped = read_run(folder)
    assert (stopped.status, stopped.summary["steps"]) == ("interrupted", step)
    assert train(experiment, tmp_path) == "finished"
    assert_same_result(folder, uninterrupted(*overrides))
    assert len(read_run(folder).environment["resumed"]) == 1


def test_an_interrupted_run_is_not_resumed_with_other_data(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_spec(tiny)
    train(experiment, tmp_path, StopAt(5))
    before = read_run(tmp_path / "tiny/seed-0")
    monkeypatch.setattr("resnet_repro.data.synthetic.TRAIN_SEED", 1)
    with pytest.raises(RunError, match=r"checkpoint\.pt: the checkpoint is of another data; delete it"):
        train(experiment, tmp_path)
    assert read_run(tmp_path / "tiny/seed-0") == before


def test_a_killed_run_resumes_from_its_checkpoint(
    uninterrupted: Callable[..., Path], tiny: Path, tmp_path: Path
) -> None:
    experiment = load_spec(tiny)
    with pytest.raises(MemoryError):
        train(experiment, tmp_path, DieAt(11), checkpoint_seconds=0.0)
    folder = tmp_path / "tiny/seed-0"
    assert read_run(folder).status == "unfinished"
    assert train(experiment, tmp_path) == "finished"
    assert_same_result(folder, uninterrupted())


def test_a_diverged_run_is_a_result(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(tiny, ["training.learning_rate=1e30", "model.normalization=none"])
    assert train(experiment, tmp_path) == "diverged"
    run = read_run(tmp_path / "tiny/seed-0")
    assert run.status == "diverged"
    assert run.final is not None
    assert run.summary["steps"] == run.final.step + 1
    assert run.final.test_error_pct is None
    assert not (run.path / "weights.safetensors").exists()


def test_equal_seeds_give_equal_runs_and_other_seeds_do_not(
    uninterrupted: Callable[..., Path], tiny: Path, tmp_path: Path
) -> None:
    experiment = load_spec(tiny)
    for seed in (0, 1):
        train(experiment.model_copy(update={"seed": seed}), tmp_path)
    assert_same_result(tmp_path / "tiny/seed-0", uninterrupted())
    assert result_of(tmp_path / "tiny/seed-0")[0] != result_of(tmp_path / "tiny/seed-1")[0]


@pytest.mark.usefixtures("forked_children")
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_program_resumably(tiny: Path, tmp_path: Path, signal_number: signal.Signals) -> None:
    arguments = ("--device", "cpu", "--set", "training.steps=100000")
    process = ForkedCommand(tmp_path / "said", "train", tiny, "--results", tmp_path / "r", *arguments)
    metrics = tmp_path / "r/tiny/seed-0/metrics.csv"
    wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") > 2)
    process.send_signal(signal_number)
    assert process.code(60) == 130
    err = process.said.read_text()
    assert "run the same command to resume" in err
    assert "Traceback" not in err
    assert (metrics.parent / "checkpoint.pt").exists()
    assert read_run(metrics.parent).status == "interrupted"
