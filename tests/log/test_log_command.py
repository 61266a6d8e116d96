"""The command `log`: how it begins, what it says, and how it ends."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli
from helpers import assert_mistake_named, command_line, wait_until
from logged_runs import Remembering, begin, finish, train

from resnet_repro.log import command

QUICK = REPOSITORY / "results/quick/plain20"


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    """What is logged, whatever is asked for."""
    memory = Remembering()
    monkeypatch.setattr(command, "TensorBoard", lambda output, within: memory)
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(command, "NAP_SECONDS", 0.01)
    return memory


@pytest.mark.parametrize(
    ("extra", "package", "module"), [("tensorboard", "tensorboardX", "tensorboardX"), ("wandb", "wandb", "wandb")]
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    extra: str, package: str, module: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    refused = cli("log", QUICK, "--to", extra, "--output", tmp_path / "out")
    assert_mistake_named(refused, 1, f"--to {extra}: {package}")
    assert f"pip install 'resnet-repro[{extra}]'" in refused.err
    assert not (tmp_path / "out").exists()


def test_no_other_command_imports_the_packages() -> None:
    code = (
        "import sys, resnet_repro.cli; print({'wandb', 'tensorboardX', 'torch', 'resnet_repro.log'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_committed_results_end_a_follower_at_once(memory: Remembering, cli: Cli) -> None:
    shown = cli("log", QUICK, "--to", "tensorboard", "--follow")
    assert (shown.code, shown.out) == (0, "3 runs in memory\n")
    assert len(memory.ended) == 3


def test_only_the_chosen_nets_and_seeds_are_logged(memory: Remembering, cli: Cli) -> None:
    both = REPOSITORY / "results/quick"
    assert (
        cli("log", both, "--to", "tensorboard", "--nets", "quick/plain*", "--seeds", "0-1").out == "4 runs in memory\n"
    )
    assert {*memory.begun} == {f"quick/plain{depth}/seed-{seed}" for depth in (20, 56) for seed in (0, 1)}
    assert_mistake_named(cli("log", both, "--to", "tensorboard", "--nets", "quick/plain21"), 1, "quick/plain20")


def test_a_follower_says_which_chosen_net_is_not_there_yet(
    memory: Remembering, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "IDLE_SECONDS", 0.2)
    for name in ("first", "second"):
        folder = begin(tmp_path, name)
        train(folder, [1])
        finish(folder)
    shown = cli("log", tmp_path, "--to", "tensorboard", "--follow", "--nets", "first,thirrd")
    assert (shown.code, memory.begun) == (0, ["first/seed-3"])
    assert "note: --nets thirrd: no run here is of such a net" in shown.err


def test_a_follower_waits_for_the_first_run_and_ends_some_time_after_the_last_one(
    memory: Remembering, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "IDLE_SECONDS", 0.5)

    def training() -> None:
        for seed in (3, 4):  # the second one begins a moment after the end of the first
            time.sleep(0.15)
            folder = begin(tmp_path, seed=seed)
            train(folder, [1, 2])
            finish(folder)

    thread = threading.Thread(target=training)
    thread.start()
    shown = cli("log", tmp_path, "--to", "tensorboard", "--follow")
    thread.join()
    assert (shown.code, shown.out) == (0, "1 run in memory\n")
    assert memory.steps() == memory.steps("suite/net/seed-4") == [1, 2, 9]
    assert "note: no run trains yet; looks for news until all have ended, or Ctrl-C" in shown.err


def test_ctrl_c_ends_a_follower_with_130_and_all_rows_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="no tensorboardX; make setup installs it")
    folder = begin(tmp_path)
    train(folder, [1])
    arguments = command_line("log", tmp_path, "--to", "tensorboard", "--follow")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("1 run in ")
        [events] = (tmp_path / "tensorboard/suite/net/seed-3").iterdir()
        size = events.stat().st_size
        train(folder, [2])
        wait_until(lambda: events.stat().st_size > size)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "note: follows 1 run in training; looks for news until all have ended, or Ctrl-C\n"


def test_a_run_without_a_row_and_a_damaged_one_are_said(memory: Remembering, cli: Cli, tmp_path: Path) -> None:
    folder = begin(tmp_path)
    refused = cli("log", tmp_path, "--to", "tensorboard")
    assert_mistake_named(refused, 1, f"{tmp_path}: no run has a row yet; --follow waits for the first")
    train(folder, [1])
    (begin(tmp_path, seed=4).path / "metrics.csv").write_text("damaged")
    shown = cli("log", tmp_path, "--to", "tensorboard")
    assert (shown.code, shown.out) == (0, "1 run in memory\n")
    assert shown.err.count("\n") == 1
    assert "this run is left out" in shown.err
    assert memory.ended == ["suite/net/seed-3 unfinished"]


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("nowhere", "--to", "tensorboard", "--follow"), 1, "nowhere: there is no such folder"),
        ((".", "--to", "tensorboard"), 1, ".: there is no run"),
        ((".",), 2, "Missing option '--to'"),
        ((".", "--to", "mlflow"), 2, "Invalid value for '--to'"),
    ],
)
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...], code: int, fragment: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_mistake_named(cli("log", *arguments), code, fragment)
