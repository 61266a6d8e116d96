"""Names, links, specs and texts from strangers reach no other file, and control no terminal."""

import json
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY, TINY, Cli
from untrusted import begun, refused

from resnet_repro.errors import RunError, SpecError
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import read_run
from resnet_repro.spec.file import load_spec


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/../../x", "a//x", "..", ".", "a/", "~/x", "a\\x", "-x", "a\nb", "x" * 121]
)
def test_a_name_stays_in_the_results_folder(tiny: Path, name: str) -> None:
    tiny.write_text(f"name: {json.dumps(name)}\n{TINY}")
    with pytest.raises(SpecError, match=r"tiny\.yaml:1: name: "):
        load_spec(tiny)


def test_a_link_in_the_results_folder_takes_no_run_out_of_it(cli: Cli, tiny: Path, tmp_path: Path) -> None:
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
    assert RunFolder(tmp_path / "results", load_spec(tiny)).status() == "new"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of specs in a project, with a file to extend in it, below it, and one and two folders above it."""
    shelf = tmp_path / "project/specs"
    (shelf / "below").mkdir(parents=True)
    for folder in (shelf / "below", shelf, shelf.parent, tmp_path):
        (folder / "base.yaml").write_text(TINY)
    return shelf


@pytest.mark.parametrize("base", ["base.yaml", "below/base.yaml", "../base.yaml", "below/../../base.yaml"])
def test_extends_reaches_files_of_the_same_project(shelf: Path, base: str) -> None:
    (shelf / "spec.yaml").write_text(f"extends: {base}\n")
    assert load_spec(shelf / "spec.yaml").model.depth == 8


@pytest.mark.parametrize("base", ["../../base.yaml", "below/../../../base.yaml", "link.yaml", "folder/base.yaml"])
def test_extends_reaches_no_files_outside(cli: Cli, shelf: Path, base: str) -> None:
    (shelf / "link.yaml").symlink_to(shelf.parent.parent / "base.yaml")
    (shelf / "folder").symlink_to(shelf.parent.parent)
    (shelf / "spec.yaml").write_text(f"# a comment\nextends: {base}\n")
    message = refused(cli, "describe", shelf / "spec.yaml")
    assert f"{shelf / 'spec.yaml'}:2: extends: {base} lies outside {shelf.parent}" in message


def test_a_chain_of_extends_does_not_climb(shelf: Path) -> None:
    (shelf.parent / "base.yaml").write_text("extends: ../base.yaml\n")
    (shelf / "spec.yaml").write_text("extends: ../base.yaml\n")
    assert load_spec(shelf.parent / "base.yaml").name == "base"  # a spec of that folder may extend it
    with pytest.raises(SpecError, match=r"project/specs/\.\./base\.yaml:1: extends: \.\./base\.yaml lies outside"):
        load_spec(shelf / "spec.yaml")


def test_a_recorded_spec_cannot_extend_a_file_outside_the_results(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    folder = begun(tiny, tmp_path / "results")
    (folder.path / "spec.yaml").write_text("extends: ../../../tiny.yaml\n")
    assert "lies outside" in refused(cli, "table", tmp_path / "results")


def test_the_committed_specs_still_load() -> None:
    for path in (REPOSITORY / "experiments").rglob("*.yaml"):
        load_spec(path)


FORBIDDEN = {
    "pickles of torch": r"torch\.load\(",
    "pickle": r"\b(pickle|dill|joblib|marshal|shelve)\.\w+\(|^\s*(import|from) (pickle|dill|joblib|marshal|shelve)\b",
    "NumPy's pickles": r"allow_pickle\s*=\s*True",
    "unsafe YAML": r"yaml\.(unsafe_load|full_load|load)\(|\b(UnsafeLoader|FullLoader|yaml\.Loader)\b",
    "code from text": r"(?<![\w.])(eval|exec)\(",
    "a shell": r"shell\s*=\s*True|os\.(system|popen)\(",
    "unfiltered archives": r"\.extract(all)?\((?![^\n]*filter=\"data\")|extract_archive\(",
}


@pytest.mark.parametrize("danger", FORBIDDEN)
def test_the_package_never_uses(danger: str) -> None:
    for path in (REPOSITORY / "resnet_repro").rglob("*.py"):
        text = path.read_text()
        if path.name == "imported.py" and path.parent.name == "runner":  # what the user gives with --import is run once
            text = text.replace("exec(code, module.__dict__)", "", 1)
        found = re.search(FORBIDDEN[danger], text, re.MULTILINE)
        assert not found, f"{path}: {found and found[0]}"


@pytest.mark.parametrize(
    "text", ["\x1b]0;owned\x07", "\x1b[2J", "a\rb", "\u202etxt.exe", "[bold red]x[/]", "[/]", "\x9b31m"]
)
def test_names_from_files_cannot_control_the_terminal(cli: Cli, tiny: Path, tmp_path: Path, text: str) -> None:
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


def test_a_value_of_a_wrong_type_is_one_line_with_the_field(cli: Cli, tiny: Path, tmp_path: Path) -> None:
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
        assert f"{folder.path / name}: {field}" in refused(cli, "table", tmp_path / "results")
        (folder.path / name).unlink()


def test_a_finished_run_without_its_last_rows_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = begun(tiny, tmp_path / "results")
    folder.close("finished", 24, 1, {}, 0.1)
    with pytest.raises(RunError, match=r"metrics\.csv: should end with the errors after step 24"):
        read_run(folder.path)
