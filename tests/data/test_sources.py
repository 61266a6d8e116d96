"""The download of CIFAR-10 from the fastest of several addresses, and how it resumes what broke off."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from archives import official_archive, some_images
from servers import Respond, Resuming, sending, serving

from resnet_repro.data import download, fetch
from resnet_repro.data.cifar10 import load_cifar10
from resnet_repro.data.download import SlowError
from resnet_repro.data.fetch import PART, fetch_cifar10
from resnet_repro.errors import DataError

Offer = Callable[..., list[str]]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> bytes:
    return official_archive(some_images(), monkeypatch)


@pytest.fixture
def _quick_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow address is one that sends less than 1 MB/s over 0.2 s."""
    monkeypatch.setattr(download, "TRIAL", 0.2)
    monkeypatch.setattr(fetch, "ENOUGH", 1e6)


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """A function that makes servers the addresses of CIFAR-10, and returns these."""
    with ExitStack() as stack:

        def offer(*responds: Respond) -> list[str]:
            urls = [stack.enter_context(serving(respond)) for respond in responds]
            monkeypatch.setattr(fetch, "SOURCES", urls)
            return urls

        yield offer


def assert_fetched(data_dir: Path) -> None:
    assert [path.name for path in data_dir.iterdir()] == ["cifar-10-batches-py"]
    load_cifar10(data_dir)


def test_a_transfer_that_breaks_off_is_resumed_where_it_broke_off(tmp_path: Path, archive: bytes, offer: Offer) -> None:
    server = Resuming(archive, ends=(100_000, 250_000))
    offer(server)
    fetch_cifar10(tmp_path)
    assert server.ranges() == [None, "bytes=100000-", "bytes=250000-"]
    assert server.asked[1]["If-Range"] == '"1"'
    assert_fetched(tmp_path)


def test_a_server_that_cannot_resume_sends_the_file_anew_and_loses_nothing(
    tmp_path: Path, archive: bytes, offer: Offer
) -> None:
    (tmp_path / PART).write_bytes(archive[:300_000])
    offer(sending(archive[:200_000], announced=len(archive)))
    with pytest.raises(DataError):
        fetch_cifar10(tmp_path)
    assert (tmp_path / PART).read_bytes() == archive[:300_000]
    offer(sending(archive))
    fetch_cifar10(tmp_path)
    assert_fetched(tmp_path)


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_changes_between_two_parts_is_not_glued(
    tmp_path: Path, archive: bytes, offer: Offer, heeds_if_range: bool
) -> None:
    now = Resuming(archive, version='"2"', heeds_if_range=heeds_if_range)
    then = Resuming(bytes(len(archive)), ends=(100_000,))

    def respond(handler: BaseHTTPRequestHandler) -> None:
        (now if then.asked else then)(handler)

    offer(respond)
    fetch_cifar10(tmp_path)
    assert now.ranges() == (["bytes=100000-"] if heeds_if_range else ["bytes=100000-", None])
    assert_fetched(tmp_path)


@pytest.mark.usefixtures("_quick_trial")
def test_a_slow_address_is_left_for_the_next_which_goes_on_there(
    tmp_path: Path, archive: bytes, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    slow, fast = Resuming(archive, pause=0.005), Resuming(archive)
    urls = offer(slow, fast)
    fetch_cifar10(tmp_path)
    asked = fast.ranges()[0]
    assert asked
    assert 5_000 < int(asked.removeprefix("bytes=").removesuffix("-")) < 300_000
    assert f"{urls[0]}: sends only " in caplog.text
    assert f"tries {download.host_of(urls[1])}" in caplog.text
    assert_fetched(tmp_path)


@pytest.mark.usefixtures("_quick_trial")
def test_if_all_addresses_are_slow_the_fastest_goes_on(
    tmp_path: Path, archive: bytes, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    slower, slow = Resuming(archive, pause=0.02), Resuming(archive, pause=0.002)
    urls = offer(slower, slow)
    fetch_cifar10(tmp_path)
    assert len(slower.asked) == 1
    assert len(slow.asked) == 2
    assert "takes about 1 min at " in caplog.text
    assert caplog.text.rstrip().endswith(f"kB/s from {download.host_of(urls[1])}")
    assert_fetched(tmp_path)


@pytest.mark.usefixtures("_quick_trial")
def test_a_download_that_would_take_too_long_is_given_up_and_can_be_resumed(
    tmp_path: Path, archive: bytes, offer: Offer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    urls = offer(Resuming(archive, pause=0.01), Resuming(archive, pause=0.01))
    with pytest.raises(SlowError) as failure:
        fetch_cifar10(tmp_path, longest=1)
    assert failure.value.estimate.startswith("about 1 min at ")
    with pytest.raises(SlowError):
        fetch_cifar10(tmp_path, urls[0], longest=1)
    assert 0 < (tmp_path / PART).stat().st_size < len(archive)
    assert f"{tmp_path / PART}: has 0.0 MB, which the next 'resnet-repro data fetch' resumes" in caplog.text


def test_wrong_bytes_of_one_address_do_not_spoil_the_next(tmp_path: Path, archive: bytes, offer: Offer) -> None:
    wrong, right = Resuming(bytes(len(archive))), Resuming(archive)
    offer(wrong, right)
    fetch_cifar10(tmp_path)
    assert wrong.ranges() == right.ranges() == [None]
    assert_fetched(tmp_path)


def test_a_wrong_part_of_elsewhere_is_not_blamed_on_the_address_that_completes_it(
    tmp_path: Path, archive: bytes, offer: Offer
) -> None:
    (tmp_path / PART).write_bytes(bytes(100_000))
    server = Resuming(archive)
    offer(server)
    fetch_cifar10(tmp_path)
    assert server.ranges() == ["bytes=100000-", None]
    assert_fetched(tmp_path)


@pytest.mark.parametrize("fault", [b"", b"+", bytes(1)])
def test_a_part_of_the_full_size_or_more_is_proven_by_its_md5(
    tmp_path: Path, archive: bytes, offer: Offer, fault: bytes
) -> None:
    (tmp_path / PART).write_bytes(fault + archive[: len(archive) if fault == b"+" else len(archive) - len(fault)])
    server = Resuming(archive)
    offer(server)
    fetch_cifar10(tmp_path)
    assert server.ranges() == ([None] if fault else [])
    assert_fetched(tmp_path)


def redirecting(location: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.end_headers()

    return respond


def test_an_absent_file_is_left_for_the_next_and_redirects_are_followed(
    tmp_path: Path, archive: bytes, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    (goal,) = offer(Resuming(archive, ends=(100_000,)))
    urls = offer(lambda handler: handler.send_error(404), redirecting(goal))
    fetch_cifar10(tmp_path)
    assert f"{urls[0]}: 404 Not Found; tries {download.host_of(urls[1])}" in caplog.text
    assert_fetched(tmp_path)


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[::1/", "/again"])
def test_a_redirect_out_of_the_web_or_without_end_is_refused(
    tmp_path: Path, archive: bytes, offer: Offer, location: str
) -> None:
    (url,) = offer(redirecting(location))
    with pytest.raises(DataError, match=r"(?i)unsupported protocol|invalid|redirects") as failure:
        fetch_cifar10(tmp_path, url)
    assert "\n" not in str(failure.value)
    assert not any(tmp_path.iterdir())


def test_ctrl_c_leaves_a_part_that_the_next_fetch_resumes(
    tmp_path: Path, archive: bytes, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(host: str, received: int) -> None:
        if received >= 100_000:
            raise KeyboardInterrupt

    server = Resuming(archive)
    offer(server)
    with pytest.raises(KeyboardInterrupt):
        fetch_cifar10(tmp_path, report=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == [PART]
    assert "which the next 'resnet-repro data fetch' resumes" in caplog.text
    fetch_cifar10(tmp_path)
    assert server.ranges()[1]
    assert_fetched(tmp_path)
