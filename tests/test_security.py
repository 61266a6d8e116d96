"""What a stranger's file may try, and must not get: code run, files written or read elsewhere, a terminal steered."""

import hashlib
import io
import json
import os
import pickle
import re
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY, TINY, Outcome

from resnet_repro.data import cifar10
from resnet_repro.data.torchvision import import_torchvision
from resnet_repro.errors import DataError, RunError, SpecError
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import read_run
from resnet_repro.spec.file import load_spec
from resnet_repro.training.checkpoint import FORMAT

Cli = Callable[..., Outcome]


class Malicious:
    """Unpickled, it makes a folder."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.sprung),)


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """The folder that would be there if code had run."""
    return tmp_path / "sprung"


def refused(cli: Cli, *arguments: object) -> str:
    """What a command says that ends in one clear line."""
    outcome = cli(*arguments)
    assert outcome.code == 1
    *progress, last = outcome.err.splitlines()
    assert last.startswith("error: ")
    assert all(line.endswith("%") for line in progress if line)  # of a download
    return last


def begun(tiny: Path, results: Path) -> RunFolder:
    folder = RunFolder(results, load_spec(tiny))
    folder.begin({})
    return folder


def test_a_checkpoint_runs_no_code_even_behind_a_right_checksum(
    cli: Cli, tiny: Path, tmp_path: Path, sprung: Path
) -> None:
    buffer = io.BytesIO()
    torch.save({"origin": Malicious(sprung)}, buffer)
    checkpoint = begun(tiny, tmp_path / "results").checkpoint
    checkpoint.write_bytes(FORMAT + hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
    assert "checkpoint.pt: the checkpoint is none of this program's" in refused(
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
    assert "spec.yaml:1: is not YAML" in refused(cli, "list", tmp_path / "results")
    assert not sprung.exists()


def archive_of(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"evil"[: member.size]))
    return buffer.getvalue()


def member(name: str, **fields: object) -> tarfile.TarInfo:
    """A file of four bytes, or a link where fields say so."""
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
    """served(archive, official) is the address of an archive; `official` is the one whose MD5 is expected."""
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
            monkeypatch.setattr(import_torchvision().datasets.CIFAR10, "tgz_md5", hashlib.md5(official).hexdigest())
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
    assert "could not be downloaded" in refused(
        cli, "data", "fetch", "--data-dir", tmp_path / "some/data", "--url", url
    )
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "some/data"])
    assert not Path("/tmp/evil").exists()  # noqa: S108


def test_an_absolute_path_in_an_archive_stays_inside(tmp_path: Path, served: Serve) -> None:
    """The data filter takes off the leading slash."""
    archive = archive_of(member(str(tmp_path / "evil")))
    with pytest.raises(DataError):
        cifar10.fetch_cifar10(tmp_path / "data", served(archive, archive))
    assert not (tmp_path / "evil").exists()
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "FILE:///etc/passwd", "data:,x"])
def test_an_archive_comes_by_http_alone(cli: Cli, tmp_path: Path, url: str) -> None:
    assert "does not begin with http" in refused(cli, "data", "fetch", "--data-dir", tmp_path / "data", "--url", url)
    assert not (tmp_path / "data").exists()


def test_an_archive_of_another_md5_is_not_opened(
    tmp_path: Path, served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(DataError, match="not found or corrupted"):
        cifar10.fetch_cifar10(tmp_path / "data", served(b"anything", b"something else"))
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
    assert f"{name}: damaged or not CIFAR-10's" in refused(cli, "data", "check", "--data-dir", tmp_path)
    assert not sprung.exists()


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/../../x", "a//x", "..", ".", "a/", "~/x", "a\\x", "-x", "a\nb", "x" * 121]
)
def test_a_name_stays_in_the_results_folder(tiny: Path, name: str) -> None:
    tiny.write_text(f"name: {json.dumps(name)}\n{TINY}")
    with pytest.raises(SpecError, match=r"tiny\.yaml:1: name: "):
        load_spec(tiny)


def test_a_link_in_the_results_folder_leads_no_run_out_of_it(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results/suite").symlink_to(tmp_path / "outside")
    tiny.write_text(f"name: suite/net\n{TINY}")
    for more in ((), ("--restart",), ("--dry-run",)):
        assert "a link leads out of" in refused(cli, "train", tiny, "--results", tmp_path / "results", *more)
    assert not list((tmp_path / "outside").iterdir())


def test_a_results_folder_may_itself_be_a_link(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    assert RunFolder(tmp_path / "results", load_spec(tiny)).state() == "new"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of specs in a project, with one file to extend at each distance."""
    shelf = tmp_path / "project/specs"
    (shelf / "below").mkdir(parents=True)
    for folder in (shelf / "below", shelf, shelf.parent, tmp_path):
        (folder / "base.yaml").write_text(TINY)
    return shelf


@pytest.mark.parametrize("base", ["base.yaml", "below/base.yaml", "../base.yaml", "below/../../base.yaml"])
def test_extends_reaches_what_is_near(shelf: Path, base: str) -> None:
    (shelf / "spec.yaml").write_text(f"extends: {base}\n")
    assert load_spec(shelf / "spec.yaml").model.depth == 8


@pytest.mark.parametrize("base", ["../../base.yaml", "below/../../../base.yaml", "link.yaml", "folder/base.yaml"])
def test_extends_reaches_nothing_further_away(cli: Cli, shelf: Path, base: str) -> None:
    (shelf / "link.yaml").symlink_to(shelf.parent.parent / "base.yaml")
    (shelf / "folder").symlink_to(shelf.parent.parent)
    (shelf / "spec.yaml").write_text(f"# a comment\nextends: {base}\n")
    message = refused(cli, "describe", shelf / "spec.yaml")
    assert f"{shelf / 'spec.yaml'}:2: extends: {base} lies outside {shelf.parent}" in message


def test_a_chain_of_extends_does_not_climb(shelf: Path) -> None:
    (shelf.parent / "base.yaml").write_text("extends: ../base.yaml\n")
    (shelf / "spec.yaml").write_text("extends: ../base.yaml\n")
    assert load_spec(shelf.parent / "base.yaml").name == "base"  # by itself it may
    with pytest.raises(SpecError, match=r"project/specs/\.\./base\.yaml:1: extends: \.\./base\.yaml lies outside"):
        load_spec(shelf / "spec.yaml")


def test_a_stored_spec_reaches_nothing_outside_its_name(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    folder = begun(tiny, tmp_path / "results")
    (folder.path / "spec.yaml").write_text("extends: ../../../tiny.yaml\n")
    assert "lies outside" in refused(cli, "list", tmp_path / "results")


def test_the_committed_specs_still_load() -> None:
    for path in (REPOSITORY / "experiments").rglob("*.yaml"):
        load_spec(path)


FORBIDDEN = {
    "torch.load without weights_only": r"torch\.load\((?![^\n]*weights_only=True)",
    "pickle": r"\b(pickle|dill|joblib|marshal|shelve)\.\w+\(|^\s*(import|from) (pickle|dill|joblib|marshal|shelve)\b",
    "NumPy's pickles": r"allow_pickle\s*=\s*True",
    "unsafe YAML": r"yaml\.(unsafe_load|full_load|load)\(|\b(UnsafeLoader|FullLoader|yaml\.Loader)\b",
    "code from text": r"(?<![\w.])(eval|exec)\(",
    "a shell": r"shell\s*=\s*True|os\.(system|popen)\(",
    "unfiltered archives": r"\.extract(all)?\((?![^\n]*filter=\"data\")|extract_archive\(",
}


@pytest.mark.parametrize("danger", FORBIDDEN)
def test_the_package_nowhere_uses(danger: str) -> None:
    for path in (REPOSITORY / "resnet_repro").rglob("*.py"):
        found = re.search(FORBIDDEN[danger], path.read_text(), re.MULTILINE)
        assert not found, f"{path}: {found and found[0]}"


@pytest.mark.parametrize(
    "text", ["\x1b]0;owned\x07", "\x1b[2J", "a\rb", "\u202etxt.exe", "[bold red]x[/]", "[/]", "\x9b31m"]
)
def test_a_terminal_is_not_steered(cli: Cli, tiny: Path, tmp_path: Path, text: str) -> None:
    folder = begun(tiny, tmp_path / "results")
    data = {"name": text, "exact": False}
    (folder.path / "environment.json").write_text(json.dumps({"device_name": text, "data": data}))
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    for command in (("list",), ("table",), ("table", "--markdown")):
        outcome = cli(*command, tmp_path / "results")
        assert outcome.code == 0
        assert shown in outcome.out
    assert (text in outcome.out) == text.isprintable()
    tiny.write_text(json.dumps({"model": {text: 3, "depth": 8}}))
    message = refused(cli, "describe", tiny)
    assert shown in message
    assert (text in message) == text.isprintable()


def test_damage_of_a_type_is_one_line_that_names_the_field(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    folder = begun(tiny, tmp_path / "results")
    for name, values, field in (
        ("environment.json", {"data": 5}, "data: should be"),
        ("environment.json", {"data": {"name": ["x"]}}, "data.name: should be"),
        ("environment.json", {"resumed": 3}, "resumed: should be"),
        ("summary.json", {}, "status: Field required"),
        ("summary.json", {"status": "diverged"}, "steps: Field required"),
        ("summary.json", {"status": "diverged", "steps": "3"}, "steps: should be"),
    ):
        (folder.path / name).write_text(json.dumps(values))
        assert f"{folder.path / name}: {field}" in refused(cli, "list", tmp_path / "results")
        (folder.path / name).unlink()


def test_a_finished_run_without_its_last_rows_has_no_result(tiny: Path, tmp_path: Path) -> None:
    folder = begun(tiny, tmp_path / "results")
    folder.close("finished", 24, 1, {}, 0.1)
    with pytest.raises(RunError, match=r"metrics\.csv: should end with the errors after step 24"):
        read_run(folder.path)
    shutil.rmtree(folder.path)
