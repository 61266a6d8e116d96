"""The download of CIFAR-10, from servers on this machine that behave well or badly."""

import gc
import hashlib
import io
import pickle
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from servers import sending, serving

from resnet_repro.data import cifar10
from resnet_repro.data.cifar10 import fetch_cifar10, find_cifar10, load_cifar10
from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.errors import DataError

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
IMAGES_A_FILE = 20

pytestmark = [
    # A failed request is closed only when Python collects its exception.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep tests off the network, and end their sockets and threads."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(import_torchvision().datasets.CIFAR10, "url", "http://127.0.0.1:9/never-asked")
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(1)  # an abandoned download ends with its server
    gc.collect()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(NAMES), IMAGES_A_FILE, 3072), np.uint8)


@pytest.fixture
def archive(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small archive in the Python layout, which torchvision takes for the official one."""
    labels = [number % 10 for number in range(IMAGES_A_FILE)]
    files = {name: pickle.dumps({"data": part, "labels": labels}) for name, part in zip(NAMES, images, strict=True)} | {
        "batches.meta": pickle.dumps({"label_names": list(cifar10.CLASSES)})
    }
    archive = tar_of({f"cifar-10-batches-py/{name}": content for name, content in files.items()})
    official = import_torchvision().datasets.CIFAR10
    monkeypatch.setattr(official, "tgz_md5", md5(archive))
    monkeypatch.setattr(official, "train_list", [[name, md5(files[name])] for name in NAMES[:5]])
    monkeypatch.setattr(official, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5(files["batches.meta"])})
    return archive


def assert_fails_cleanly(data_dir: Path, url: str) -> str:
    """Check that a fetch fails, leaves no files, and names remedies; returns the message."""
    with pytest.raises(DataError) as failure:
        fetch_cifar10(data_dir, url)
    assert not any(data_dir.iterdir())
    assert find_cifar10(data_dir) is None
    text = str(failure.value)
    assert text.startswith(f"CIFAR-10 could not be downloaded from {url}: ")
    assert "data fetch --url" in text
    assert "--data-dir" in text
    assert "data.dataset=synthetic" in text
    assert "\n" not in text
    return text


def test_fetched_data_can_be_loaded(tmp_path: Path, archive: bytes, images: np.ndarray) -> None:
    data_dir = tmp_path / "new" / "data"
    with serving(sending(archive)) as url:
        folder = fetch_cifar10(data_dir, url)
    assert folder == data_dir / "cifar-10-batches-py" == find_cifar10(data_dir)
    assert list(data_dir.iterdir()) == [folder]
    dataset = load_cifar10(data_dir)
    assert np.array_equal(dataset.train.images, images[:5].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert np.array_equal(dataset.test.images, images[5].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert dataset.test.labels.tolist() == [number % 10 for number in range(IMAGES_A_FILE)]


def test_a_damaged_folder_is_replaced(tmp_path: Path, archive: bytes) -> None:
    goal = tmp_path / "cifar-10-batches-py"
    goal.mkdir()
    (goal / "left-over").touch()
    with serving(sending(archive)) as url:
        fetch_cifar10(tmp_path, url)
    assert {path.name for path in goal.iterdir()} == {*NAMES, "batches.meta"}


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_cut_transfer_leaves_nothing_behind(tmp_path: Path, archive: bytes, share: float) -> None:
    with serving(sending(archive[: int(share * len(archive))], announced=len(archive))) as url:
        assert_fails_cleanly(tmp_path, url)


def test_an_archive_of_another_md5_is_refused(tmp_path: Path, archive: bytes) -> None:
    with serving(sending(archive + b"\0")) as url:
        assert_fails_cleanly(tmp_path, url)


def test_nothing_is_unpacked_from_an_archive_of_another_md5(tmp_path: Path, archive: bytes) -> None:
    escaping = tar_of({"../../escaped": b"1", "../escaped": b"2", "cifar-10-batches-py/test_batch": b"3"})
    data_dir = tmp_path / "some" / "data"
    with serving(sending(escaping)) as url:
        assert_fails_cleanly(data_dir, url)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "some", data_dir]


def test_an_absent_archive_is_reported(tmp_path: Path) -> None:
    with serving(lambda handler: handler.send_error(404)) as url:
        assert "404" in assert_fails_cleanly(tmp_path, url)


def test_a_server_that_speaks_another_protocol_is_reported(tmp_path: Path) -> None:
    with serving(lambda handler: handler.wfile.write(b"220 welcome\r\n")) as url:
        assert_fails_cleanly(tmp_path, url)


def test_a_closed_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in assert_fails_cleanly(tmp_path, f"http://127.0.0.1:{port}/cifar-10-python.tar.gz")


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "http://[::1/", "http://127.0.0.1:port/", "http://127.0.0.1:9/a name"]
)
def test_an_invalid_address_is_reported(tmp_path: Path, url: str) -> None:
    assert_fails_cleanly(tmp_path, url)


def test_a_server_that_never_answers_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "SILENCE", 1.0)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text = assert_fails_cleanly(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}/archive.tar.gz")
    assert "no answer for 1 seconds" in text
    assert 1 <= time.monotonic() - began < 10


def test_a_transfer_that_stalls_is_an_error(tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "SILENCE", 1.0)
    over = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        sending(archive[: len(archive) // 2], announced=len(archive))(handler)
        over.wait(30)

    with serving(respond) as url:
        try:
            assert "no answer for 1 seconds" in assert_fails_cleanly(tmp_path, url)
        finally:
            over.set()


def test_a_slow_transfer_succeeds(tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "SILENCE", 1.0)
    began = time.monotonic()
    with serving(sending(archive, pieces=5, pause=0.3)) as url:
        fetch_cifar10(tmp_path, url)
    assert time.monotonic() - began > 1.2
    assert find_cifar10(tmp_path) == tmp_path / "cifar-10-batches-py"


def test_a_second_fetch_succeeds_after_a_failure(tmp_path: Path, archive: bytes) -> None:
    with serving(sending(archive[:1000], announced=len(archive))) as url:
        assert_fails_cleanly(tmp_path, url)
    with serving(sending(archive)) as url:
        fetch_cifar10(tmp_path, url)
    assert len(load_cifar10(tmp_path).train.labels) == 5 * IMAGES_A_FILE


def test_a_failed_fetch_keeps_the_earlier_data(tmp_path: Path, archive: bytes) -> None:
    with serving(sending(archive)) as url:
        folder = fetch_cifar10(tmp_path, url)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with serving(sending(archive[:-1])) as url, pytest.raises(DataError):
        fetch_cifar10(tmp_path, url)
    assert list(tmp_path.iterdir()) == [folder]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_data_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file"):
        fetch_cifar10(tmp_path / "file" / "data", "http://127.0.0.1:9/archive.tar.gz")
