"""The download of CIFAR-10 from one address, a server on this machine that behaves well or badly."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from archives import IMAGES_A_FILE, NAMES, make_official, official_archive, some_images, tar_of
from filelock import FileLock
from servers import sending, serving

from resnet_repro.data import download
from resnet_repro.data.cifar10 import find_cifar10, load_cifar10
from resnet_repro.data.fetch import LOCK, PART, fetch_cifar10
from resnet_repro.errors import DataError


@pytest.fixture
def images() -> np.ndarray:
    return some_images()


@pytest.fixture(autouse=True)
def archive(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> bytes:
    return official_archive(images, monkeypatch)


def assert_fails_cleanly(data_dir: Path, url: str, kept: bytes = b"") -> str:
    """Check that a fetch fails, leaves nothing but what can be resumed, and names the address; returns the message."""
    with pytest.raises(DataError) as failure:
        fetch_cifar10(data_dir, url)
    assert {path.name: path.read_bytes() for path in data_dir.iterdir()} == ({PART: kept} if kept else {})
    assert find_cifar10(data_dir) is None
    text = str(failure.value)
    assert text.startswith(f"CIFAR-10 could not be downloaded from {url}: ")
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
def test_a_cut_transfer_leaves_only_what_can_be_resumed(tmp_path: Path, archive: bytes, share: float) -> None:
    part = archive[: int(share * len(archive))]
    with serving(sending(part, announced=len(archive))) as url:
        assert_fails_cleanly(tmp_path, url, kept=part)


def test_an_archive_of_another_size_is_refused_before_a_byte_is_taken(tmp_path: Path, archive: bytes) -> None:
    with serving(sending(archive + b"\0")) as url:
        text = assert_fails_cleanly(tmp_path, url)
    assert f"does not offer a file of {len(archive):,} bytes (Content-Length: {len(archive) + 1})" in text


def test_a_transfer_without_end_ends_at_the_size_of_the_archive(tmp_path: Path, archive: bytes) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(10_000))

    with serving(respond) as url, pytest.raises(DataError, match=f"sends more than {len(archive):,} bytes"):
        fetch_cifar10(tmp_path, url)
    assert (tmp_path / PART).stat().st_size <= len(archive)


def test_nothing_is_unpacked_from_an_archive_of_another_md5(
    tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    escaping = tar_of({"../../escaped": b"1", "../escaped": b"2", "cifar-10-batches-py/test_batch": b"3"})
    data_dir = tmp_path / "some" / "data"
    make_official(bytes(len(escaping)), monkeypatch)  # another one of the same size
    with serving(sending(escaping)) as url:
        assert "not the official file: expected MD5" in assert_fails_cleanly(data_dir, url)
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
    monkeypatch.setattr(download, "SILENCE", 0.5)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text = assert_fails_cleanly(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}/archive.tar.gz")
    assert "no answer for 0.5 seconds" in text
    assert 0.5 <= time.monotonic() - began < 10


def test_a_transfer_that_stalls_is_an_error(tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SILENCE", 0.5)
    over = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        sending(archive[: len(archive) // 2], announced=len(archive))(handler)
        over.wait(30)

    with serving(respond) as url:
        try:
            assert "no answer for 0.5 seconds" in assert_fails_cleanly(tmp_path, url, kept=archive[: len(archive) // 2])
        finally:
            over.set()


def test_a_slow_transfer_succeeds(tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SILENCE", 0.5)
    began = time.monotonic()
    with serving(sending(archive, pieces=5, pause=0.2)) as url:
        fetch_cifar10(tmp_path, url)
    assert time.monotonic() - began > 0.8
    assert find_cifar10(tmp_path) == tmp_path / "cifar-10-batches-py"


def test_a_second_fetch_succeeds_after_a_failure(tmp_path: Path, archive: bytes) -> None:
    with serving(sending(archive[:1000], announced=len(archive))) as url:
        assert_fails_cleanly(tmp_path, url, kept=archive[:1000])
    with serving(sending(archive)) as url:
        fetch_cifar10(tmp_path, url)
    assert not (tmp_path / PART).exists()
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


def test_a_link_in_place_of_the_part_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / PART).symlink_to(tmp_path / "mine")
    with pytest.raises(DataError, match="is a link, and nothing is written through links"):
        fetch_cifar10(tmp_path / "data", "http://127.0.0.1:9/archive.tar.gz")
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_second_download_into_the_same_folder_is_told(tmp_path: Path) -> None:
    with FileLock(tmp_path / LOCK), pytest.raises(DataError, match=f"another process is downloading into {tmp_path}"):
        fetch_cifar10(tmp_path, "http://127.0.0.1:9/archive.tar.gz")
