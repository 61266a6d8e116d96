"""Shared by all tests: one thread, as tests run side by side, a spec that trains in a second, and the command line."""

import gc
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch
import typer

from resnet_repro.cli import app, main
from resnet_repro.data import synthetic
from resnet_repro.papers.data import CIFAR10_DIGEST
from resnet_repro.record.rows import Row
from resnet_repro.record.run import Run
from resnet_repro.runner import imported
from resnet_repro.runner.signals import signals_that_stop
from resnet_repro.spec import Experiment, ModelSpec, TrainingSpec

if TYPE_CHECKING:
    from attacked import Arena

os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start: they run side by side
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of them compiles the whole package again
gc.set_threshold(50_000)  # looking through all of torch and hypothesis at each 700 objects takes a tenth of the time
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # runs Triton's kernels on the CPU

SHARED = {"arena", "trained_by_two_ranks", "classroom", "fork_server"}  # fixtures that take five seconds and more
REPOSITORY = Path(__file__).parent.parent
REAL_DATA = REPOSITORY / "data"

TINY = """\
# Trains in a second.
model:
  depth: 8
  width: 4
  shortcut: none
data:
  dataset: synthetic
  train_images: 80
  test_images: 40
training:
  steps: 24
  batch_size: 8
  learning_rate: 0.05
  evaluate_every: 8
  record_every: 4
  clean_images: 16
  precision: fp32
"""


class CliResult(NamedTuple):
    """The exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str


Cli = Callable[..., CliResult]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, as tests also wait: for processes, signals and time limits."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that share what takes long to make first, where no other process takes them from the first one.

    Each process would have to make it again. They take tests from the end of one another's part.
    """
    items.sort(key=lambda item: SHARED.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.fixture(autouse=True, scope="module")  # comes before the other fixtures of a module
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _synthetic_images_drawn_once() -> Iterator[None]:
    """Hundreds of tests train on the images of TINY. Each caller gets a copy of its own."""
    drawn = cache(synthetic.draw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "draw", lambda images, seed: deepcopy(drawn(images, seed)))
        yield


@pytest.fixture(autouse=True)
def _quick_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run estimates its duration from fewer steps."""
    monkeypatch.setattr("resnet_repro.launch.duration.MEASURED_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def _own_files_forgotten() -> Iterator[None]:
    """A command ends its process, and with it what --import has added."""
    yield
    imported.forget_all()


@pytest.fixture(autouse=True)
def _log_level_restored() -> Iterator[None]:
    """A process of a rank or a node may set it for good; here it runs in the process of other tests."""
    logger = logging.getLogger("resnet_repro")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture(scope="session")
def fork_server() -> ForkServerContext:
    """What starts processes by forking a server that has imported torch, which takes seconds in each."""
    from forked_command import has_imported

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals_that_stop())  # they stay blocked in every process
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # Python 3.11's ignores `sys_path`
        forkserver.ensure_running()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert has_imported("preloaded")  # the server says nothing if it cannot
    return context


@pytest.fixture
def forked_children(monkeypatch: pytest.MonkeyPatch, fork_server: ForkServerContext) -> None:
    """Processes of the package are forked from that server."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: fork_server)


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Arena"]:
    """Where attacks are tried; it takes seconds to make."""
    from attacked import Arena

    arena = Arena(tmp_path_factory.mktemp("attacks"))
    yield arena
    arena.forked.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A spec file that trains in a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


build_once = cache(typer.main.get_command)  # building the parser of all commands takes as long as a short command


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process: cli("train", path) -> CliResult(code, out, err)."""
    monkeypatch.delenv("RESNET_REPRO_DATA", raising=False)
    monkeypatch.setattr("resnet_repro.cli.app", build_once(app))

    def run(*arguments: object) -> CliResult:
        monkeypatch.setattr("sys.argv", ["resnet-repro", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return CliResult(int(stop.value.code or 0), captured.out, captured.err)

    return run


def make_run(
    depth: int = 20,
    shortcut: str = "none",
    seed: int = 0,
    train_error: float = 50.0,
    test_error: float = 60.0,
    status: str = "finished",
    data: str = "CIFAR-10",
    name: str = "",
    **training: object,
) -> Run:
    """A run as if read from disk, with rows at steps 200 and 400; at step 200 only, if it did not finish."""
    values = {"steps": 400, "batch_size": 64, "learning_rate": 0.02, **training}
    model = ModelSpec.model_validate({"depth": depth, "shortcut": shortcut})
    experiment = Experiment(
        name=name or f"{shortcut}{depth}", seed=seed, model=model, training=TrainingSpec.model_validate(values)
    )
    early = Row(200, 0.256, 0.02, 2.3, 90.0, 90.0, 2.3, 90.0, 500.0, 10.0)
    last = Row(400, 0.512, 0.02, 2.0, train_error, train_error, 2.0, test_error, 500.0, 20.0)
    digest = CIFAR10_DIGEST if data == "CIFAR-10" else ""
    environment = {"device_name": "CPU", "precision": "fp32", "data": {"name": data, "digest": digest}}
    rows = (early, last) if status == "finished" else (replace(early, test_error_pct=None),)
    summary: dict[str, Any] = {"status": status, "steps": rows[-1].step + 1}
    if status == "finished":
        summary["last_epoch"] = {"train_loss": 2.0, "train_error_pct": train_error}
    return Run(Path(experiment.label), experiment, environment, rows, summary)
