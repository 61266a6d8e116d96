"""Terminals, pipes and paths that are not UTF-8."""

import os
import sys
from pathlib import Path

import pytest
from conftest import TINY, Cli
from helpers import train

from resnet_repro.errors import SIMPLER
from resnet_repro.spec.file import load_spec


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in a folder whose name is Latin-1."""
    folder = tmp_path_factory.mktemp("encodings") / os.fsdecode(b"r\xe9sultats")
    folder.mkdir()
    (folder / "tiny.yaml").write_text(TINY)
    train(load_spec(folder / "tiny.yaml"), folder)
    train(load_spec(folder / "tiny.yaml", ["seed=1"]), folder)
    return folder


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "ascii"])
@pytest.mark.parametrize("command", ["list", "table", "claims"])
def test_signs_that_an_encoding_lacks_are_written_in_a_simpler_way(
    cli: Cli, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, command: str
) -> None:
    written = tmp_path / "written"
    with written.open("w", encoding=encoding) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        outcome = cli(command, results)
        sys.stdout.close()
        monkeypatch.undo()
    assert (outcome.code, outcome.err) == (0, "")
    shown = written.read_bytes().decode(encoding)
    assert "\\" not in shown.replace("\\udce9", "")  # the name of the folder
    assert "±" in shown or "+/-" in shown or command != "table"


def test_every_sign_of_ours_has_a_simpler_form() -> None:
    ours = "81.8 ± 5.9 − 48 · 2×2 ≠ † R² 0–4 §"
    assert ours.encode("ascii", SIMPLER) == rb"81.8 +/- 5.9 - 48 - 2x2 != * R^2 0-4 \xa7"
    assert ours.encode("cp1252", SIMPLER).decode("cp1252") == "81.8 ± 5.9 - 48 · 2×2 != † R² 0–4 §"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_messages_are_written_in_a_simpler_way_too(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = tmp_path / "written"
    with written.open("w", encoding=encoding) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert cli("list", tmp_path / "≠−†").code == 1
        sys.stderr.close()
        monkeypatch.undo()
    assert "!=-" in (shown := written.read_bytes().decode(encoding))
    assert "\\" not in shown


@pytest.mark.parametrize("command", ["list", "table", "claims", "plot --format svg", "report"])
def test_a_results_path_that_is_not_utf8_is_read(cli: Cli, results: Path, command: str) -> None:
    name, *options = command.split()
    outcome = cli(name, results, *options)
    assert (outcome.code, outcome.err) == (0, "")


def test_weights_below_a_path_that_is_not_utf8_are_read(cli: Cli, results: Path, tmp_path: Path) -> None:
    evaluated = cli("evaluate", results / "tiny/seed-0", "--device", "cpu")
    assert evaluated.code == 0, evaluated.err
    assert "agrees with the recorded numbers" in evaluated.out
    exported = cli("export", results / "tiny/seed-0", tmp_path / os.fsdecode(b"\xff"))
    assert exported.code == 0, exported.err
