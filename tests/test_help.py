"""`--help` and `--version`: what a person reads first, on a terminal of 80 columns."""

import re
from typing import Any

import pytest
from conftest import Cli, build_once

from resnet_repro import __version__
from resnet_repro.cli import app


def commands(command: Any, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The program itself and each of its commands, by the words that call it."""
    found = {words: command}
    for name, inner in getattr(command, "commands", {}).items():
        found |= commands(inner, (*words, name))
    return found


COMMANDS = commands(build_once(app))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_cuts_no_word_at_80_columns(cli: Cli, narrow: None, words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    shown = cli(*words, "--help").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    read = set(shown.split())
    texts = [command.help, *(getattr(param, "help", "") for param in command.params)]
    options = [option for param in command.params for option in param.opts if option.startswith("-")]
    assert set(" ".join([*filter(None, texts), *options]).split()) <= read


def test_help_groups_the_commands_and_the_options_of_train(cli: Cli, narrow: None) -> None:
    def panels(*words: str) -> list[str]:
        return re.findall(r"╭─ (.+?) ─", cli(*words, "--help").out)

    assert panels() == ["Options", "Train", "Read results", "Specs, nets and weights", "Data and machine"]
    assert panels("train") == ["Arguments", "Options", "Which runs", "Machine", "Folders", "Limits"]


def test_version_names_the_release_the_commit_torch_and_the_device(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.runner.environment.git_state", lambda package: None)
    monkeypatch.setenv("RESNET_REPRO_COMMIT", "0123456789abcdef")
    shown = cli("--version")
    assert (shown.code, shown.err) == (0, "")
    assert re.fullmatch(
        rf"resnet-repro {__version__}\ncommit +0123456789\ntorch +\d\S+\ndevice +(cpu|cuda|mps): .+\n", shown.out
    )
    monkeypatch.delenv("RESNET_REPRO_COMMIT")
    assert "commit       unknown\n" in cli("--version").out
