"""A run whose checkpoints or text files are damaged resumes and gives the same bits, or says why it cannot."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli
from helpers import DieAt, StopAt, assert_same_result, train
from short_run import LABEL, SHORT, contents, short_run, uninterrupted_run

from resnet_repro.record.run import read_run
from resnet_repro.spec import Experiment


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return short_run(tmp_path_factory.mktemp("spec"))


@pytest.fixture(scope="module")
def uninterrupted(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uninterrupted_run(experiment, tmp_path_factory.mktemp("uninterrupted"))


@pytest.fixture(scope="module")
def killed_once(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("killed")
    with pytest.raises(MemoryError):
        train(experiment, results, DieAt(4), checkpoint_seconds=0.0)
    return results


@pytest.fixture
def killed(killed_once: Path, tmp_path: Path) -> Path:
    """A copy of the results of a run that was killed after step 4, with checkpoints of steps 3 and 2."""
    return Path(shutil.copytree(killed_once, tmp_path / "killed"))


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda content: b""], ids=["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(
    experiment: Experiment,
    killed: Path,
    uninterrupted: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    newest, previous = (killed / LABEL / name for name in ("checkpoint.pt", "checkpoint-previous.pt"))
    newest.write_bytes(damage(newest.read_bytes()))
    older = previous.read_bytes()
    with pytest.raises(MemoryError):  # killed again, before another checkpoint
        train(experiment, killed, DieAt(5))
    assert f"{newest}: the checkpoint is damaged; resumes from the one before it" in caplog.text
    assert newest.read_bytes() == older
    assert train(experiment, killed, checkpoint_seconds=0.0) == "finished"
    assert_same_result(killed / LABEL, uninterrupted)


def test_when_both_checkpoints_are_damaged_the_run_stops_and_keeps_them(
    cli: Cli, experiment: Experiment, killed: Path, tiny: Path
) -> None:
    for path in (killed / LABEL).glob("checkpoint*.pt"):
        path.write_bytes(flip(path.read_bytes()))
    before = contents(killed / LABEL)
    overrides = [word for override in SHORT for word in ("--set", override)]
    refused = cli("train", tiny, "--results", killed, "--device", "cpu", *overrides)
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 1
    assert "checkpoint-previous.pt: the checkpoint is damaged; delete it to start this run from its" in refused.err
    assert contents(killed / LABEL) == before


@pytest.mark.parametrize("name", ["metrics.csv", "probes.csv", "environment.json"])
@pytest.mark.parametrize("damage", [cut, flip, lambda content: b"", lambda content: content[:-2]])
def test_damaged_text_files_are_restored_from_the_checkpoint(
    experiment: Experiment, killed: Path, uninterrupted: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    path = killed / LABEL / name
    path.write_bytes(damage(path.read_bytes()))
    assert train(experiment, killed, checkpoint_seconds=0.0) == "finished"
    assert_same_result(killed / LABEL, uninterrupted)


@pytest.mark.parametrize("name", ["metrics.csv", "environment.json"])
def test_so_are_those_of_a_run_that_was_stopped(
    cli: Cli, experiment: Experiment, uninterrupted: Path, tiny: Path, tmp_path: Path, name: str
) -> None:
    assert train(experiment, tmp_path, StopAt(4)) == "interrupted"
    path = tmp_path / LABEL / name
    path.write_bytes(cut(path.read_bytes()))
    overrides = [word for override in SHORT for word in ("--set", override)]
    resumed = cli("train", tiny, "--results", tmp_path, "--device", "cpu", *overrides)
    assert resumed.code == 0, resumed.err
    assert_same_result(tmp_path / LABEL, uninterrupted)


def test_a_run_without_its_checkpoint_starts_again_and_says_so(
    experiment: Experiment, killed: Path, uninterrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (killed / LABEL).glob("checkpoint*.pt"):
        path.unlink()
    assert train(experiment, killed, checkpoint_seconds=0.0) == "finished"
    assert "tiny/seed-0: there is no checkpoint yet; starts from the beginning" in caplog.text
    assert_same_result(killed / LABEL, uninterrupted)


def test_a_run_that_another_process_has_finished_stays_unchanged(
    experiment: Experiment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(experiment, tmp_path)
    before = contents(tmp_path / LABEL)
    assert train(experiment, tmp_path) == "finished"  # as if it had been found unfinished a moment before
    assert "tiny/seed-0: has finished meanwhile, in another process" in caplog.text
    assert contents(tmp_path / LABEL) == before


def test_resuming_in_another_environment_is_reported_and_recorded(
    experiment: Experiment, killed: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = read_run(killed / LABEL).environment
    monkeypatch.setattr("resnet_repro.runner.environment.device_name", lambda device: "CPU of another kind")
    train(experiment, killed)
    environment = read_run(killed / LABEL).environment
    assert "resumes in another environment than it started in (device: CPU of another kind for CPU (" in caplog.text
    assert environment["resumed"][0]["device_name"] == "CPU of another kind"
    assert {name: value for name, value in environment.items() if name != "resumed"} == recorded
