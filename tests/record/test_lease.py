"""One process at a time may write into a run folder, and another can take over from a dead one."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resnet_repro.errors import RunError
from resnet_repro.record import lease
from resnet_repro.record.lease import Lease

HOLDING = "import sys, time; from pathlib import Path; from resnet_repro.record.lease import Lease; "
HOLDING += "held = Lease(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "holder.lock"


@pytest.fixture
def stranger(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the lease."""
    process = subprocess.Popen([sys.executable, "-c", HOLDING, file], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def rename_host(file: Path, name: str) -> None:
    """Rewrite the file as if the holder called its host so."""
    file.write_text(re.sub("(?m)^host=.*$", f"host={name}", file.read_text()))


@pytest.fixture
def elsewhere(file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes it look as if the holder were on another host."""

    def move() -> None:
        rename_host(file, "node7")
        monkeypatch.setattr(lease, "is_locked", lambda file: False)

    return move


def test_the_second_is_told_which_process_on_which_host_holds_the_run(
    file: Path, stranger: subprocess.Popen[str]
) -> None:
    with pytest.raises(RunError) as refused:
        Lease(file)
    holder = f"process {stranger.pid} on {socket.gethostname()}"
    assert str(refused.value) == f"{file.parent}: {holder} is training this run; wait for it or stop it"


def test_a_released_run_is_free(file: Path) -> None:
    Lease(file).release()
    assert not file.exists()
    Lease(file).release()


def test_the_claim_of_a_killed_process_is_taken_over_at_once(file: Path, stranger: subprocess.Popen[str]) -> None:
    stranger.kill()
    stranger.wait()
    assert file.exists()
    began = time.monotonic()
    Lease(file).release()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (f"{socket.gethostname()}?pidns-f0000123", f"{socket.gethostname()} in another container"),
        ("3f2a9c1b?pidns-f0000123", "3f2a9c1b in another container"),
        ("3f2a9c1b", "3f2a9c1b"),
    ],
)
def test_a_live_process_of_this_machine_is_told_at_once_whatever_container_it_is_in(
    file: Path, stranger: subprocess.Popen[str], name: str, shown: str
) -> None:
    rename_host(file, name)
    began = time.monotonic()
    with pytest.raises(RunError) as refused:
        Lease(file)
    assert time.monotonic() - began < 5
    assert str(refused.value) == (
        f"{file.parent}: process {stranger.pid} on {shown} is training this run; wait for it or stop it"
    )


def test_a_second_process_in_a_container_is_told_at_once(
    file: Path, stranger: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "INITIAL_NAMESPACE", 0)  # so that this machine counts as a container
    monkeypatch.setattr(lease, "is_locked", lambda file: False)
    rename_host(file, f"{socket.gethostname()}?pidns-{os.stat('/proc/self/ns/pid').st_ino:x}")
    began = time.monotonic()
    with pytest.raises(RunError, match=f"process {stranger.pid} on {socket.gethostname()} is training this run"):
        Lease(file)
    assert time.monotonic() - began < 5


def test_a_second_process_on_a_host_with_an_odd_name_is_told_at_once_and_legibly(
    file: Path, stranger: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "my höst")
    monkeypatch.setattr(lease, "is_locked", lambda file: False)
    rename_host(file, lease._own_name().replace(" ", "?20").replace("ö", "?c3?b6"))
    began = time.monotonic()
    with pytest.raises(RunError, match=f"process {stranger.pid} on my höst is training this run"):
        Lease(file)
    assert time.monotonic() - began < 5


def test_a_process_on_another_host_is_refused_once_it_shows_that_it_lives(
    file: Path, stranger: subprocess.Popen[str], elsewhere: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere()
    touching = threading.Timer(1.5, lambda: os.utime(file))
    touching.start()
    began = time.monotonic()
    with pytest.raises(RunError, match=f"process {stranger.pid} on node7 is training this run"):
        Lease(file)
    assert time.monotonic() - began < 60
    assert f"process {stranger.pid} on node7 holds this run; waiting up to 120 seconds" in caplog.text


def test_the_claim_of_a_silent_process_on_another_host_is_taken_over_by_age(
    file: Path, elsewhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 3.0)
    first = Lease(file)
    first._lease._stop_heartbeat()  # as if its host had lost power
    elsewhere()
    began = time.monotonic()
    second = Lease(file)
    assert time.monotonic() - began >= 3.0
    second.check()
    with pytest.raises(RunError, match=f"process {os.getpid()} on .* has taken this run over, as this process did not"):
        first.check()  # the first holder was only suspended; it must not write now
    first.release()
    second.check()
    second.release()
    assert not file.exists()


def test_a_lease_file_without_a_holder_tells_how_to_proceed(file: Path) -> None:
    file.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "LEASE_SECONDS", 0.5)
        patch.setattr(lease, "SETTLING_SECONDS", 0.5)
        with pytest.raises(RunError, match=r"another process is training this run; if there is none, delete holder"):
            Lease(file)


def test_a_half_written_lease_file_is_taken_over(file: Path) -> None:
    file.write_text("filelock/2\npid=12")
    Lease(file).release()
    assert not file.exists()
