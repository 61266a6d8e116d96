"""Helpers of tests that give commands files from strangers."""

from pathlib import Path

from conftest import Cli

from resnet_repro.record.folder import RunFolder
from resnet_repro.spec.file import load_spec


def refused(cli: Cli, *arguments: object) -> str:
    """Run a command that must fail with one line, and return that line."""
    outcome = cli(*arguments)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("error: ")
    return outcome.err


def begun(tiny: Path, results: Path) -> RunFolder:
    """The folder of a run of the spec `tiny` that has just started."""
    folder = RunFolder(results, load_spec(tiny))
    folder.begin({})
    return folder
