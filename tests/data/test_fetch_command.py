"""What `data fetch` and `demo` say while and after they download CIFAR-10."""

import io
import re
import sys
import time
from pathlib import Path

import pytest
from archives import official_archive, some_images
from conftest import Cli
from helpers import assert_mistake_named
from servers import Resuming, serving

from resnet_repro.cli.show.data import showing_download
from resnet_repro.data import download, fetch
from resnet_repro.data.download import host_of
from resnet_repro.record.run import read_run


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> bytes:
    return official_archive(some_images(), monkeypatch)


def test_in_the_end_each_address_has_its_line_and_the_last_says_what_to_do(
    cli: Cli, tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda handler: handler.send_error(404)) as url, serving(Resuming(b"another")) as other:
        monkeypatch.setattr(fetch, "SOURCES", [url, other])
        outcome = cli("data", "fetch", "--data-dir", tmp_path)
    assert outcome.code == 1
    first, last = outcome.err.splitlines()
    assert first == f"note: {url}: 404 Not Found; tries {host_of(other)}"
    assert last.startswith(
        f"error: CIFAR-10 could not be downloaded into {tmp_path}: {other}: it does not offer a file"
    )
    assert all(remedy in last for remedy in ("--url", "--data-dir", "data.dataset=synthetic"))


def test_on_a_terminal_a_bar_shows_how_much_has_come_how_fast_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with showing_download() as show:
        for received in (80_000_000, 85_000_000, 90_000_000):
            show("[::1]:80", received)
            time.sleep(0.12)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(r"\[::1\]:80 \S+ 90\.0/170\.5 MB \d+\.\d MB/s 0:00:\d\d", text)


def test_in_a_pipe_a_download_is_one_line(
    cli: Cli, tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Resuming(archive, ends=(100_000,))) as url:
        monkeypatch.setattr(fetch, "SOURCES", [url])
        outcome = cli("data", "fetch", "--data-dir", tmp_path)
    assert outcome.out == f"{tmp_path / 'cifar-10-batches-py'}\n"
    assert outcome.err == f"note: downloads CIFAR-10 (0 MB) from {host_of(url)}\n"


def test_a_certificate_file_that_another_environment_left_over_does_no_harm(
    cli: Cli, tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with serving(Resuming(archive)) as url:
        assert cli("data", "fetch", "--data-dir", tmp_path, "--url", url).code == 0


@pytest.mark.parametrize("proxy", ["nonsense://127.0.0.1", "http://127.0.0.1:port", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_one_line(
    cli: Cli, tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert_mistake_named(cli("data", "fetch", "--data-dir", tmp_path), 1, "the proxy in HTTPS_PROXY, HTTP_PROXY or ")


@pytest.mark.usefixtures("forked_children")
def test_a_demo_does_not_wait_for_a_slow_download_but_says_how_long_it_would_take(
    cli: Cli, tiny: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    monkeypatch.setattr(sys.modules["resnet_repro.cli.demo"], "MOST_SECONDS", 1.0)  # the name is also the command's
    monkeypatch.setattr(download, "TRIAL", 0.2)
    with serving(Resuming(archive, pause=0.01)) as url, serving(lambda handler: handler.send_error(404)) as absent:
        monkeypatch.setattr(fetch, "SOURCES", [url, absent])
        outcome = cli("demo", tiny, "--device", "cpu")
    assert outcome.code == 0
    assert re.search(
        rf"note: downloading CIFAR-10 would take about 1 min at \d+ kB/s from {host_of(url)}; trains on synthetic "
        "images instead; the results are not those of CIFAR-10; 'resnet-repro data fetch' waits for it\n",
        outcome.err,
    )
    assert read_run(Path("results/demo/synthetic/tiny/seed-0")).status == "finished"
