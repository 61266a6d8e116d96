"""`--on ray` with a real Ray cluster of one-CPU nodes on this machine: `make cluster-test`.

Ray listens on all interfaces, so this needs a network namespace that has no other than the loopback.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from conftest import TINY
from filelock import SoftFileLease
from helpers import assert_same_result, command_line, train, wait_until
from ray_nodes import ADDRESS, Node, running

import resnet_repro
from resnet_repro.record.lease import LEASE_SECONDS, is_locked
from resnet_repro.record.run import HOLDER, read_run
from resnet_repro.spec.file import load_spec

pytest.importorskip("ray", reason="Ray is not installed: pip install 'resnet-repro[cluster]'")
if [name for _, name in socket.if_nameindex()] != ["lo"]:
    pytest.skip("needs a network of loopback alone: make cluster-test", allow_module_level=True)

SLOWER = ("training.steps=60", "training.evaluate_every=60", "training.record_every=20")  # some seconds
PACKAGE = Path(resnet_repro.__file__).parent
DATA = """
from pathlib import Path
from resnet_repro.data import CLASSES, DATASETS
from resnet_repro.data.synthetic import load_synthetic

def load(data_dir, train_images, test_images):
    (Path(data_dir) / "images").read_bytes()
    return load_synthetic(data_dir, train_images, test_images)

DATASETS["own"] = load
CLASSES["own"] = CLASSES["synthetic"]
"""


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """Ray's own folder, with a short path, as Ray's sockets lie in it."""
    path = Path(f"/tmp/ray-test-{os.getpid()}")  # noqa: S108
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def head(temporary: Path) -> Iterator[Node]:
    with running(Node(temporary, head=True)) as node:
        yield node


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with SLOWER that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.yaml").write_text(TINY)
    spec = load_spec(folder / "tiny.yaml", SLOWER)
    for seed in range(3):
        train(spec.model_copy(update={"seed": seed}), folder)
    return folder / "tiny"


def start(spec: Path, results: Path, *arguments: object) -> "subprocess.Popen[str]":
    command = command_line("train", spec, "--results", results, "--jobs", "auto", "--on", f"ray={ADDRESS}", *arguments)
    # Ray adds the working folder to the paths of the workers, so it must not hold the package.
    return subprocess.Popen(command, cwd=spec.parent, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def overridden(overrides: Sequence[str]) -> list[str]:
    return [part for override in overrides for part in ("--set", override)]


def begun(folder: Path) -> bool:
    return (folder / "checkpoint.pt").exists()


def holder(folder: Path) -> int:
    """The process that trains a run."""
    owner = SoftFileLease(folder / HOLDER, lease_duration=LEASE_SECONDS).owner
    return owner.pid if owner else 0


def test_runs_whose_worker_is_killed_or_whose_node_is_killed_or_shut_down_go_on_with_the_same_bits(
    tiny: Path, tmp_path: Path, temporary: Path, head: Node, whole: Path
) -> None:
    folders = [tmp_path / f"r/tiny/seed-{seed}" for seed in range(3)]
    with running(Node(temporary)) as killed, running(Node(temporary)) as shut_down:
        process = start(tiny, tmp_path / "r", "--seeds", "0-2", *overridden(SLOWER), "--checkpoint-seconds", 0.3)
        left = list(folders)
        while left:
            wait_until(lambda: any(map(begun, left)))
            worker = holder(begun_run := next(filter(begun, left)))
            if head.has(worker):
                os.kill(worker, signal.SIGKILL)
            elif killed.has(worker):
                killed.signal(signal.SIGKILL)
            else:
                shut_down.signal(signal.SIGTERM)
            left.remove(begun_run)
        _, err = process.communicate()
    assert process.returncode == 0, err
    for folder in folders:
        assert f"note: tiny/{folder.name}: its process or its node has ended; begins again on " in err
        assert "resumes" in (folder / "train.log").read_text()
        assert_same_result(folder, whole / folder.name)


def test_a_signal_stops_the_runs_resumably_and_the_same_command_finishes_them_with_the_bits_of_one_machine(
    tiny: Path, tmp_path: Path, temporary: Path, whole: Path
) -> None:
    folders = [tmp_path / f"r/tiny/seed-{seed}" for seed in range(2)]
    stopped = folders[0]
    arguments = ("--seeds", "0-1", *overridden(SLOWER))

    process = start(tiny, tmp_path / "r", *arguments)
    wait_until((stopped / "metrics.csv").exists)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert err.endswith("2 runs: 1 waiting, 1 interrupted\nnote: run the same command to resume\n")
    assert "Traceback" not in err
    assert read_run(stopped).status == "interrupted"
    assert begun(stopped)

    process = start(tiny, tmp_path / "r", *arguments)
    wait_until(lambda: "resumes" in (stopped / "train.log").read_text())
    os.kill(holder(stopped), signal.SIGSTOP)  # so that it cannot stop by itself
    process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)  # kills the processes
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    wait_until(lambda: not is_locked(stopped / HOLDER))

    with running(Node(temporary)):
        process = start(tiny, tmp_path / "r", *arguments)
        _, err = process.communicate()
    assert process.returncode == 0, err
    assert "note: 2 runs on 2 nodes, 2 side by side (1 on " in err
    assert err.endswith("2 runs: 2 finished\n")
    lines = (folders[1] / "train.log").read_text().splitlines()
    assert set(lines) < set(err.splitlines())
    assert "finished 60 steps" in lines[-1]
    for folder in folders:
        assert_same_result(folder, whole / folder.name)
        recorded = read_run(folder).environment
        assert recorded["command"] == ["resnet-repro", "train", "tiny.yaml", *arguments]
        assert recorded["threads"] == 1
    assert {path.name for path in (tmp_path / "r").iterdir()} == {"tiny"}


def test_nodes_of_another_version_or_without_the_results_or_the_data_are_named_before_anything_trains(
    tiny: Path, tmp_path: Path, temporary: Path
) -> None:
    other, data, results = tmp_path / "other", tmp_path / "data", tmp_path / "r"
    shutil.copytree(PACKAGE, other / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    init = other / PACKAGE.name / "__init__.py"
    init.write_text(init.read_text().replace(f'__version__ = "{resnet_repro.__version__}"', '__version__ = "0.0.1"'))
    (tmp_path / "own.py").write_text(DATA)
    data.mkdir()
    (data / "images").touch()
    results.mkdir()
    mounts = " && ".join(f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in (data, results))
    hidden = ("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    with running(Node(temporary, PYTHONPATH=str(other))), running(Node(temporary, within=hidden)):
        process = start(tiny, results, "--set", "data.dataset=own", "--import", tmp_path / "own.py", "--data-dir", data)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 1, err
    errors = [line.partition(" ")[2] for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3, err
    assert "Traceback" not in out + err
    texts = "\n".join(errors)
    assert f"has resnet-repro 0.0.1 instead of {resnet_repro.__version__}; install the same versions" in texts
    assert f"cannot use the results folder of this machine, {results} (No such file or directory)" in texts
    assert "own.py:7" in texts
    assert not list(results.iterdir())
