"""What a command may do with any input: succeed, print one clear error line, or explain wrong usage."""

import re
from pathlib import Path

from conftest import Cli, CliResult

STEERING = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]"
)  # what can steer a terminal, except line ends


def tidy(cli: Cli, *arguments: object, also: int = 0) -> CliResult:
    """Run a command, and check its exit code and output; `also` is another exit code that is allowed."""
    outcome = cli(*arguments)
    assert outcome.code in (0, 1, 2, also)
    assert not STEERING.search(outcome.out + outcome.err)
    assert "Traceback" not in outcome.err
    if outcome.code == 1:
        *notes, last = outcome.err.removesuffix("\n").split("\n")
        assert last.startswith("error: ")
        assert len(last) < 2000
        assert all(line.startswith("note: ") for line in notes), outcome.err
    return outcome


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
