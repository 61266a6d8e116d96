"""Checkpoints, specs and archives from strangers run no code and write no file outside their folder."""

import hashlib
import io
import os
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from conftest import Cli
from untrusted import begun, refused

from resnet_repro.data import cifar10, fetch, places
from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.errors import DataError
from resnet_repro.training.checkpoint import FORMAT


class Malicious:
    """Creates a folder when it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.sprung),)


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """A folder that exists only if code of a stranger has run."""
    return tmp_path / "sprung"


def test_a_checkpoint_runs_no_code_even_behind_a_right_checksum(
    cli: Cli, tiny: Path, tmp_path: Path, sprung: Path
) -> None:
    buffer = io.BytesIO()
    torch.save({"origin": Malicious(sprung)}, buffer)
    checkpoint = begun(tiny, tmp_path / "results").checkpoint
    checkpoint.write_bytes(FORMAT + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
    assert "checkpoint.pt: not a resnet-repro checkpoint" in refused(
        cli, "train", tiny, "--results", tmp_path / "results"
    )
    assert not sprung.exists()


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.mkdir", "!!python/object/new:os.mkdir", "!!python/name:os.mkdir"]
)
def test_yaml_makes_no_python_objects(cli: Cli, tiny: Path, tmp_path: Path, sprung: Path, tag: str) -> None:
    attack = f"{tag} ['{sprung}']"
    spec = tmp_path / "attack.yaml"
    spec.write_text(f"model: {attack}\n")
    assert f"{spec}:1: is not YAML: aliases and tags" in refused(cli, "describe", spec)
    assert "is not a value" in refused(cli, "describe", tiny, "--set", f"model.depth={attack}")
    (begun(tiny, tmp_path / "results").path / "spec.yaml").write_text(f"model: {attack}\n")
    assert "spec.yaml:1: is not YAML" in refused(cli, "table", tmp_path / "results")
    assert not sprung.exists()


def archive_of(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"evil"[: member.size]))
    return buffer.getvalue()


def member(name: str, **fields: object) -> tarfile.TarInfo:
    """A file of four bytes, or what `fields` make of it, such as a link."""
    info = tarfile.TarInfo(name)
    info.size = 0 if fields else 4
    for field, value in fields.items():
        setattr(info, field, value)
    return info


ESCAPES = {
    "parent": [member("../evil")],
    "grandparent": [member("cifar-10-batches-py/../../../evil")],
    "link": [member("cifar-10-batches-py", type=tarfile.SYMTYPE, linkname="../.."), member("cifar-10-batches-py/evil")],
    "absolute link": [member("link", type=tarfile.SYMTYPE, linkname="/tmp"), member("link/evil")],  # noqa: S108
    "hard link": [member("cifar-10-batches-py/test_batch", type=tarfile.LNKTYPE, linkname="../../secret")],
    "device": [member("cifar-10-batches-py", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
}


Serve = Callable[[bytes, bytes], str]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A function of (archive, official): the address of `archive`, while the MD5 of `official` is expected."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    archives: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(archives[0])))
            self.end_headers()
            self.wfile.write(archives[0])

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()

        def serve(archive: bytes, official: bytes) -> str:
            md5 = hashlib.md5(official).hexdigest()
            monkeypatch.setitem(places.ARCHIVES, places.PYTHON_ARCHIVE, (places.PYTHON_FOLDER, md5))
            monkeypatch.setattr(fetch, "SIZE", len(archive))
            archives.append(archive)
            return f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz"

        yield serve
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("escape", ESCAPES)
def test_an_archive_writes_nothing_outside_even_with_the_right_md5(
    cli: Cli, tmp_path: Path, served: Serve, escape: str
) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some/secret").write_text("mine")
    archive = archive_of(*ESCAPES[escape])
    url = served(archive, archive)
    before = sorted(tmp_path.rglob("*"))
    outcome = cli("data", "fetch", "--data-dir", tmp_path / "some/data", "--url", url)
    assert outcome.code == 1
    assert "could not be downloaded" in outcome.err
    data = tmp_path / "some/data"
    assert sorted(tmp_path.rglob("*")) == sorted([*before, data, data / fetch.PART])
    assert not Path("/tmp/evil").exists()  # noqa: S108


def test_an_absolute_path_in_an_archive_stays_inside(tmp_path: Path, served: Serve) -> None:
    """tarfile's data filter removes the leading slash."""
    archive = archive_of(member(str(tmp_path / "evil")))
    with pytest.raises(DataError):
        fetch.fetch_cifar10(tmp_path / "data", served(archive, archive))
    assert not (tmp_path / "evil").exists()
    assert [path.name for path in (tmp_path / "data").iterdir()] == [fetch.PART]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("file:///etc/passwd", "not the official archive: expected MD5"),
        ("FILE:///etc/passwd", "not the official archive: expected MD5"),
        ("file:///dev/zero", "there is no such file"),
        ("ftp://127.0.0.1/x", "does not begin with http"),
        ("data:,x", "there is no such file"),
    ],
)
def test_an_archive_is_downloaded_over_http_only_and_a_file_must_be_the_official_one(
    cli: Cli, tmp_path: Path, url: str, fault: str
) -> None:
    assert fault in refused(cli, "data", "fetch", "--data-dir", tmp_path / "data", "--url", url)
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_an_archive_of_another_md5_is_not_opened(
    tmp_path: Path, served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(DataError, match="not the official file"):
        fetch.fetch_cifar10(tmp_path / "data", served(b"anything", b"something else"))
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_a_pickled_batch_of_another_md5_is_not_opened(
    cli: Cli, tmp_path: Path, sprung: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = import_torchvision().datasets.CIFAR10
    folder = tmp_path / cifar10.PYTHON_FOLDER
    folder.mkdir()
    content = pickle.dumps("harmless")
    md5 = hashlib.md5(content).hexdigest()
    for file in (*cifar10.TRAIN_FILES, *cifar10.TEST_FILES, "batches.meta"):
        (folder / file).write_bytes(content)
    monkeypatch.setattr(official, "train_list", [[file, md5] for file in cifar10.TRAIN_FILES])
    monkeypatch.setattr(official, "test_list", [["test_batch", md5]])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5})
    (folder / name).write_bytes(pickle.dumps(Malicious(sprung)))
    assert f"{name}: damaged, or not a file of CIFAR-10" in refused(cli, "data", "check", "--data-dir", tmp_path)
    assert not sprung.exists()
