"""Rows as CSV: what is written is read back, and damage is reported with its line."""

import math
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_repro.errors import RunError
from resnet_repro.record.row_file import RowFile
from resnet_repro.record.rows import ProbeRow, Row, read_rows

PROBE_HEADER = "step,probe,layer,name,value"
INFINITE = float("inf")
STEPS = st.integers(1, 10**9)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
LOSSES, ERRORS = st.floats(allow_nan=False), st.floats(0, 100)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)
ROWS = st.builds(
    Row, STEPS, FINITE, FINITE, LOSSES, ERRORS, st.none() | ERRORS, st.none() | LOSSES, st.none() | ERRORS,
    FINITE, FINITE,
)  # fmt: skip
PROBE_ROWS = st.builds(ProbeRow, STEPS, TEXTS, TEXTS, TEXTS, st.floats(width=32, allow_nan=False, allow_infinity=False))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "rows.csv"


@given(rows=st.lists(ROWS, max_size=4))
@settings(deadline=None, max_examples=40)
def test_measurements_are_read_back_as_they_were_written(path: Path, rows: list[Row]) -> None:
    rows = [replace(row, step=row.step + sum(other.step for other in rows[:place])) for place, row in enumerate(rows)]
    RowFile(path, Row, rows).write()
    assert read_rows(path, Row) == rows


@given(rows=st.lists(PROBE_ROWS, max_size=4))
@settings(deadline=None, max_examples=40)
def test_probe_rows_are_read_back_as_they_were_written(path: Path, rows: list[ProbeRow]) -> None:
    rows.sort(key=lambda row: row.step)
    RowFile(path, ProbeRow, rows).write()
    assert read_rows(path, ProbeRow) == rows


def test_numbers_that_are_none_or_not_finite_are_read_back(tmp_path: Path) -> None:
    row = Row(3, 0.1, 1e-300, INFINITE, 100.0, None, float("nan"), None, 0.1 + 0.2, 5e-324)
    RowFile(tmp_path / "rows.csv", Row, [row]).write()
    (found,) = read_rows(tmp_path / "rows.csv", Row)
    assert found.test_loss is not None
    assert math.isnan(found.test_loss)
    assert replace(found, test_loss=0.0) == replace(row, test_loss=0.0)
    assert [type(value) for value in astuple(found)] == [type(value) for value in astuple(row)]


def test_the_file_is_plain_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    RowFile(
        path, ProbeRow, [ProbeRow(1, "a", "b,c", 'say "d"', 0.5), ProbeRow(2, "", "é", "p15", float("inf"))]
    ).write()
    assert path.read_bytes().decode() == f'{PROBE_HEADER}\n1,a,"b,c","say ""d""",0.5\n2,,é,p15,inf\n'
    RowFile(path, ProbeRow, []).write()
    assert path.read_text() == f"{PROBE_HEADER}\n"
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_holds_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "rows.csv", Row) == []


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("", 1, f"the columns should be {PROBE_HEADER}"),
        ("\n", 1, f"the columns should be {PROBE_HEADER}"),
        ("step,probe,layer,name\n1,a,b,c\n", 1, f"the columns should be {PROBE_HEADER}"),
        (f"{PROBE_HEADER},more\n", 1, f"the columns should be {PROBE_HEADER}"),
        ("probe,step,layer,name,value\n", 1, f"the columns should be {PROBE_HEADER}"),
        (f"{PROBE_HEADER}\n1,a,b,c\n", 2, "is damaged"),
        (f"{PROBE_HEADER}\n1,a,b,c,0.5,6\n", 2, "is damaged"),
        (f"{PROBE_HEADER}\n1,a,b,c,0.5\n2,a,b,c,0.5\nx,a,b,c,0.5\n", 4, "is damaged"),
        (f"{PROBE_HEADER}\n1,a,b,c,half\n", 2, "is damaged"),
        (f"{PROBE_HEADER}\n1,a,b,c,\n", 2, "is damaged"),
        (f"{PROBE_HEADER}\n,a,b,c,0.5\n", 2, "is damaged"),
        (f"{PROBE_HEADER}\n1.0,a,b,c,0.5\n", 2, "is damaged"),
        (f'{PROBE_HEADER}\n1,a,"b\nc",d,0.5\n2,a,b,c,no\n', 4, "is damaged"),
        (f'{PROBE_HEADER}\n1,a,b,c,0.5\n2,a,"b,c,0.5\n', 3, "is damaged"),
        (PROBE_HEADER, 1, "is damaged: the line is cut"),
        (f"{PROBE_HEADER}\n1,a,b,c,0.5\n2,a,b,c,12", 3, "is damaged: the line is cut"),
        (f"{PROBE_HEADER}\n2,a,b,c,0.5\n1,a,b,c,0.5\n", 3, "is damaged: step 1 falls"),
        (f"{PROBE_HEADER}\n0,a,b,c,0.5\n", 2, "is damaged: step 0 falls"),
        (f"{PROBE_HEADER}\n1,a,b,c,inf\n", 2, "is damaged: inf is not a float32 number"),
    ],
)
def test_damage_is_one_line_with_file_and_line_number(tmp_path: Path, content: str, line: int, reason: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    assert_refused(path, line, reason)


def test_a_quote_that_never_ends_is_damage_however_long_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'{PROBE_HEADER}\n1,a,"b,c,0.5\n' + "2,a,b,c,0.5\n" * 20_000)
    with pytest.raises(RunError, match=r"rows\.csv:\d+: is damaged"):
        read_rows(path, ProbeRow)


def test_a_missing_metric_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    RowFile(path, Row, [Row(3, 0.1, 0.1, 2.0, 50.0, None, None, None, 10.0, 1.0)]).write()
    whole = path.read_text()
    assert whole.splitlines()[1] == "3,0.1,0.1,2.0,50.0,,,,10.0,1.0"
    path.write_text(whole.replace("2.0,", ","))
    assert_refused(path, 2, "is damaged", Row)


def assert_refused(path: Path, line: int, reason: str, kind: type[Row] | type[ProbeRow] = ProbeRow) -> None:
    with pytest.raises(RunError) as refused:
        read_rows(path, Row) if kind is Row else read_rows(path, ProbeRow)
    assert str(refused.value).startswith(f"{path}:{line}: {reason}")
    assert "\n" not in str(refused.value)
