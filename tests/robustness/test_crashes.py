"""Whatever state a killed run, a full disk or a bad sector leaves, the run goes on to the same bits or says why not."""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import Cli
from safetensors.torch import load_file

from resnet_repro.errors import RunError
from resnet_repro.record.rows import TIMING
from resnet_repro.record.run import read_run
from resnet_repro.runner.train import Session, Watcher, train_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec

CPU = torch.device("cpu")
SHORT = [
    "training.steps=6",
    "training.evaluate_every=3",
    "data.test_images=20",
    "training.clean_images=20",
    "probes.measure=[layer_response,gradient_norm]",
]
SHORT += ["probes.every=4", "probes.images=8", "training.record_every=2", "data.train_images=64"]
LABEL = "tiny/seed-0"

snapshot: Callable[[], None] | None = None  # called before whatever changes a file, while it is set


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    global snapshot
    if snapshot and event in ("open", "os.rename", "os.remove"):
        take, snapshot = snapshot, None  # its own files are none of its business
        take()
        snapshot = take


sys.addaudithook(_watch)


@pytest.fixture
def experiment(tiny: Path) -> Experiment:
    return load_spec(tiny, SHORT)


def train(experiment: Experiment, results: Path, checkpoint_seconds: float = 0.0) -> str:
    return train_run(experiment, Session(results, Path(), CPU, checkpoint_seconds=checkpoint_seconds), Watcher())


def bits(results: Path) -> tuple[object, ...]:
    """All that a run comes to, but for its timing."""
    run = read_run(results / LABEL)
    rows = [tuple(value for name, value in vars(row).items() if name not in TIMING) for row in run.rows]
    weights = load_file(run.path / "weights.safetensors")
    return rows, run.probes, {name: tensor.numpy().tobytes() for name, tensor in weights.items()}


@pytest.fixture
def whole(experiment: Experiment, tmp_path: Path) -> tuple[object, ...]:
    """What the run comes to when nothing happens to it."""
    assert train(experiment, tmp_path / "whole") == "finished"
    return bits(tmp_path / "whole")


def states(folder: Path) -> Iterator[dict[str, bytes]]:
    yield {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_kill_between_any_two_operations_on_files_loses_nothing(
    experiment: Experiment, tmp_path: Path, whole: tuple[object, ...]
) -> None:
    """Every state of the folder that SIGKILL could leave, with a checkpoint after each step."""
    global snapshot
    results = tmp_path / "parts"
    found: dict[tuple[tuple[str, bytes], ...], list[tuple[str, bytes]]] = {}

    def take() -> None:
        folder = results / LABEL
        files = sorted((path.name, path.read_bytes()) for path in folder.iterdir()) if folder.exists() else []
        found[tuple(file for file in files if not file[0].endswith(".tmp"))] = files

    snapshot = take
    try:
        train(experiment, results)
    finally:
        snapshot = None
    assert len(found) > 20
    names = {name for state in found.values() for name, _ in state}
    assert names >= {"checkpoint.pt", "checkpoint.pt.tmp", "checkpoint-previous.pt", "metrics.csv.tmp", "summary.json"}
    for number, state in enumerate(found.values()):
        folder = tmp_path / str(number) / LABEL
        folder.mkdir(parents=True)
        for name, content in state:
            if name != "holder.lock":  # this process is alive
                (folder / name).write_bytes(content)
        if read_status(folder) != "finished":
            assert train(experiment, tmp_path / str(number), 1000.0) == "finished"
        assert bits(tmp_path / str(number)) == whole, [name for name, _ in state]
        shutil.rmtree(tmp_path / str(number))


def read_status(folder: Path) -> str:
    return read_run(folder).status if (folder / "spec.yaml").exists() else "new"


def refused_by(work: Callable[[], object]) -> str:
    """What a RunError said, or nothing."""
    try:
        work()
    except RunError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("code", "stride"), [(errno.ENOSPC, 4), (errno.EROFS, 9)])
def test_a_disk_that_refuses_any_one_write_costs_nothing_that_was_there(
    experiment: Experiment,
    tmp_path: Path,
    whole: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    stride: int,
) -> None:
    """Each flush of the run in turn fails, as on a full disk; then there is room again, and the run goes on."""
    results, flush = tmp_path / "parts", os.fsync
    failed = 0
    for fatal in range(1, 1000, stride):
        shutil.rmtree(results, ignore_errors=True)
        calls = 0

        def refuse(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls == fatal:  # noqa: B023  (called before the loop goes on)
                raise OSError(code, os.strerror(code))
            flush(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            refusal = refused_by(lambda: train(experiment, results))
        if not refusal:
            break
        failed += 1
        assert refusal.startswith(str(results / LABEL))
        assert os.strerror(code) in refusal
        assert "\n" not in refusal
        assert read_status(results / LABEL) in ("new", "unfinished", "finished")
        assert not list((results / LABEL).glob("*.tmp"))
        if read_status(results / LABEL) != "finished":
            train(experiment, results)
        assert bits(results) == whole
    assert failed > 3
    assert calls < fatal


def test_a_full_file_system_is_one_line_and_the_run_goes_on_when_there_is_room(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    """A true limit of the system, in a process of its own: no file may grow beyond 30 kB, the checkpoint would."""
    import resource
    import subprocess

    results = tmp_path / "r"
    command = [sys.executable, "-m", "resnet_repro", "train", tiny, "--results", results, "--checkpoint-seconds", "0"]

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    full = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=120)
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1].startswith(f"error: {results / 'tiny/seed-0/checkpoint.pt'}: File too large")
    assert "Traceback" not in full.stderr
    assert cli("train", tiny, "--results", results).code == 0
    assert read_run(results / LABEL).status == "finished"


class Death(Watcher):
    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: object) -> None:
        if trainer.step == self.step:  # type: ignore[attr-defined]
            raise MemoryError("as if killed")


@pytest.fixture
def killed(experiment: Experiment, tmp_path: Path) -> Path:
    """The results of a run that was killed at step 4, with checkpoints of steps 3 and 2."""
    results = tmp_path / "killed"
    with pytest.raises(MemoryError):
        train_run(experiment, Session(results, Path(), CPU, checkpoint_seconds=0.0), Death(4))
    return results


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda content: b""], ids=["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_used(
    experiment: Experiment,
    killed: Path,
    whole: tuple[object, ...],
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    newest, previous = (killed / LABEL / name for name in ("checkpoint.pt", "checkpoint-previous.pt"))
    newest.write_bytes(damage(newest.read_bytes()))
    older = previous.read_bytes()
    with pytest.raises(MemoryError):  # killed again, before another checkpoint
        train_run(experiment, Session(killed, Path(), CPU), Death(5))
    assert f"{newest}: the checkpoint is damaged; resumes from the one before it" in caplog.text
    assert newest.read_bytes() == older
    assert train(experiment, killed) == "finished"
    assert bits(killed) == whole


def test_when_both_checkpoints_are_damaged_the_run_stops_and_keeps_them(
    cli: Cli, experiment: Experiment, killed: Path, tiny: Path
) -> None:
    for path in (killed / LABEL).glob("checkpoint*.pt"):
        path.write_bytes(flip(path.read_bytes()))
    before = {path.name: path.read_bytes() for path in (killed / LABEL).iterdir()}
    overrides = [word for override in SHORT for word in ("--set", override)]
    refused = cli("train", tiny, "--results", killed, "--device", "cpu", *overrides)
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 1
    assert "checkpoint-previous.pt: the checkpoint is damaged; delete it to start this run from its" in refused.err
    assert {path.name: path.read_bytes() for path in (killed / LABEL).iterdir()} == before


@pytest.mark.parametrize("name", ["metrics.csv", "probes.csv", "environment.json"])
@pytest.mark.parametrize("damage", [cut, flip, lambda content: b"", lambda content: content[:-2]])
def test_text_that_was_cut_comes_back_from_the_checkpoint(
    experiment: Experiment, killed: Path, whole: tuple[object, ...], name: str, damage: Callable[[bytes], bytes]
) -> None:
    path = killed / LABEL / name
    path.write_bytes(damage(path.read_bytes()))
    assert train(experiment, killed) == "finished"
    assert bits(killed) == whole


def test_a_run_without_its_checkpoint_says_that_it_starts_again(
    experiment: Experiment, killed: Path, whole: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    for path in (killed / LABEL).glob("checkpoint*.pt"):
        path.unlink()
    assert train(experiment, killed) == "finished"
    assert "tiny/seed-0: there is no checkpoint yet; starts from its beginning" in caplog.text
    assert bits(killed) == whole


def test_a_run_that_another_process_finished_meanwhile_is_left_alone(
    experiment: Experiment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(experiment, tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / LABEL).iterdir()}
    assert train(experiment, tmp_path) == "finished"  # as if it had been found unfinished a moment before
    assert "tiny/seed-0: has finished meanwhile, in another process" in caplog.text
    assert {path.name: path.read_bytes() for path in (tmp_path / LABEL).iterdir()} == before


def test_going_on_in_another_environment_is_said_and_recorded(
    experiment: Experiment, killed: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = read_run(killed / LABEL).environment
    monkeypatch.setattr("resnet_repro.runner.environment.device_name", lambda device: "CPU of another kind")
    train(experiment, killed)
    environment = read_run(killed / LABEL).environment
    assert "goes on in another environment than it began in (device: CPU of another kind for CPU (" in caplog.text
    assert environment["resumed"][0]["device_name"] == "CPU of another kind"
    assert {name: value for name, value in environment.items() if name != "resumed"} == recorded
