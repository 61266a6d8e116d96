"""Tables on terminals of any width, and in pipes: no number and no word is cut, and rows can be told apart."""

import re
import sys

import pytest
from conftest import REPOSITORY, Cli

from resnet_repro.text_tables import print_table

COLUMNS = ["run", "status", "steps", "test error %", "what it says", "device"]
ROWS = [
    ["results/quick/plain20", "finished", "400 of 400", "100.00", "It is a long sentence that may be wrapped.", "CPU"],
    ["results/quick/résnet56", "interrupted", "12 of 400", "8.75", "", "NVIDIA H100 80GB HBM3"],
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal as stdout, whose width is that in COLUMNS; needs `capsys` before."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda stream: True)


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("prose", ["", "what it says"])
def test_no_word_and_no_number_is_cut_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, prose: str
) -> None:
    for width in range(30, 170):
        monkeypatch.setenv("COLUMNS", str(width))
        print_table("title", COLUMNS, ROWS, optional=["device"], prose=prose)
        lines = plain(capsys.readouterr().out)
        shown = {word.strip(";,:") for line in lines for word in line.split()}
        cells = [cell for row in ROWS for cell in row[:-1]]
        assert shown >= {word for cell in cells for word in cell.split()}, width
        assert all(any(number in line for line in lines) for number in ("100.00", "8.75"))
        assert max(len(line) for line in lines if "(not shown" not in line) <= width


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("width", "left_out"), [(80, "device, precision, minutes"), (100, "device"), (160, "")])
def test_the_list_has_a_line_for_each_run_with_status_and_errors_whole(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int, left_out: str
) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = plain(cli("list", "results/quick").out)
    rows = [line.split() for line in lines if line.startswith("results/quick/")]
    assert len({(run, seed) for run, seed, *_ in rows}) == 12
    assert all(row[2:6] == ["finished", "400", "of", "400"] for row in rows)
    assert all(re.fullmatch(r"\d\d\.\d\d", error) for row in rows for error in row[6:8])
    assert (f"(not shown, as the terminal is narrow: {left_out})" in lines) == bool(left_out)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("width", [80, 100])
def test_claims_are_paragraphs_where_a_table_does_not_fit(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line.rstrip() for line in plain(cli("claims", REPOSITORY / "results/quick").out)]
    first = lines.index("C1  reproduced (short schedule)")
    assert lines[first + 1].startswith("  Degradation: plain-56 has a higher training error than plain-20")
    assert "    · training error: plain-56 > plain-20; ours: 81.77 ± 5.88 (n=3) −" in lines[first + 3 + (width < 90)]


def test_a_pipe_gets_each_row_as_a_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 500 + "end"
    print_table("title", ["name", "text", "device"], [["a", long, "CPU"], ["b", "", "x" * 3000]], optional=["device"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("a") and long in line and line.endswith("CPU" + " " * 2997) for line in lines)
    assert any(line.startswith("b") and "x" * 3000 in line for line in lines)
