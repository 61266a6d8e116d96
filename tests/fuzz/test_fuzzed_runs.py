"""Reads 500 damaged run folders, 320 damaged CSV files, and 10 valid runs with absurd numbers."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TINY, Cli, CliResult
from hostile import WHOLE_FILES, as_json, as_yaml, damaged, fuzzed, with_a_wrong_value
from hypothesis import given
from hypothesis import strategies as st
from outcomes import contents, tidy

from resnet_repro.record.folder import RunFolder
from resnet_repro.record.row_file import RowFile
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.spec.file import load_spec

PROBES = "probes: {measure: [layer_response, gradient_norm, branch_to_shortcut], images: 16}\n"
SPEC = TINY.replace("shortcut: none", "shortcut: identity") + PROBES
DATA = {"name": "synthetic shapes", "exact": False, "digest": "0"}
ENVIRONMENT: dict[str, Any] = {"command": ["x"], "device": "cpu", "device_name": "CPU", "data": DATA, "git": None}
UNEVALUATED = [Row(step, step / 10, 0.1, 2.0, 80.0, None, None, None, 9.0, step / 2) for step in range(4, 25, 4)]
ROWS = [replace(row, train_error_clean_pct=70.0, test_loss=2.0, test_error_pct=75.0) if row.step % 8 == 0 else row
        for row in UNEVALUATED]  # fmt: skip
PROBED = [ProbeRow(step, probe, f"layer{layer}", "std", 0.5 + layer) for step in (1, 24)
          for probe in ("layer_response", "gradient_norm", "branch_to_shortcut") for layer in range(3)]  # fmt: skip
PROBED_FIGURES = "plot --figure layer-responses --figure gradient-norms --figure branch-ratios"  # draw probes
COMMANDS = st.sampled_from(["list", "list --json", "table", "table --json", "table --markdown"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
LOSSES, ERRORS = st.floats(), st.floats(0, 100)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as training writes it."""
    results = tmp_path_factory.mktemp("results")
    (results / "tiny.yaml").write_text(SPEC)
    folder = RunFolder(results, load_spec(results / "tiny.yaml"))
    folder.begin(ENVIRONMENT)
    for row in ROWS:
        folder.append(row)
    folder.append_probes(PROBED)
    folder.close("finished", 24, 1000, DATA, 3.0)
    return folder.path


@contextmanager
def copied(run: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as results:
        yield Path(shutil.copytree(run, Path(results) / "tiny/seed-0"))


def assert_read_or_refused(cli: Cli, folder: Path, command: str) -> CliResult:
    results = folder.parent.parent
    before = contents(results)
    outcome = tidy(cli, *command.split(), results)
    assert contents(results) == before
    if command.endswith("--json") and outcome.code == 0:
        json.loads(outcome.out, parse_constant=pytest.fail)
    return outcome


@st.composite
def broken_files(draw: st.DrawFn, run: Path) -> tuple[str, bytes | None]:
    """The name of a file of the run and its new content; None if it is lost."""
    name = draw(st.sampled_from(["spec.yaml", "environment.json", "summary.json"]))
    content = (run / name).read_bytes()
    as_text, values = (as_yaml, yaml.safe_load(content)) if name == "spec.yaml" else (as_json, json.loads(content))
    wrong = with_a_wrong_value(values).map(as_text)
    return name, draw(st.one_of(st.none(), WHOLE_FILES, damaged(content), wrong, wrong, wrong))


@given(data=st.data(), command=COMMANDS)
@fuzzed(500)
def test_a_damaged_run_is_read_or_refused_in_one_line(cli: Cli, run: Path, data: st.DataObject, command: str) -> None:
    name, content = data.draw(broken_files(run))
    with copied(run) as folder:
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        assert_read_or_refused(cli, folder, command)


@st.composite
def broken_rows(draw: st.DrawFn, content: bytes) -> bytes:
    """A line is doubled, swapped or lost, or a cell is added, lost or strange, or the last number or newline is cut."""
    lines = content.splitlines(keepends=True)
    place, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    match draw(st.sampled_from(["double", "swap", "lose", "more", "less", "strange", "cut", "end"])):
        case "double":
            lines.insert(place, lines[place])
        case "swap":
            lines[place], lines[other] = lines[other], lines[place]
        case "lose":
            del lines[place]
        case "more":
            lines[place] = lines[place][:-1] + b",1\n"
        case "less":
            lines[place] = lines[place].rpartition(b",")[0] + b"\n"
        case "strange":
            cells = lines[place][:-1].split(b",")
            strange = [
                b"nan",
                b"inf",
                b"-1",
                b"1e400",
                b"9" * 5000,
                b"",
                b'"',
                b"\0",
                b"\x1b[2J",
                b"x" * 200_000,
                b"101",
            ]
            cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from(strange))
            lines[place] = b",".join(cells) + b"\n"
        case "cut":
            lines[-1] = lines[-1][: -draw(st.integers(1, 5))]
        case "end":
            lines[-1] = lines[-1][:-1]
    return b"".join(lines)


@given(data=st.data(), name=st.sampled_from(["metrics.csv"] * 4 + ["probes.csv"]), command=COMMANDS)
@fuzzed(320)
def test_damaged_rows_are_read_or_refused_in_one_line(
    cli: Cli, run: Path, data: st.DataObject, name: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (run / name).read_bytes()
    content = data.draw(st.one_of(WHOLE_FILES, damaged(whole), broken_rows(whole), broken_rows(whole)))
    with copied(run) as folder, monkeypatch.context() as patch:
        (folder / name).write_bytes(content)
        patch.setattr("resnet_repro.figures.command.save_figures", lambda figures, *others: [None for _ in figures][:0])
        outcome = assert_read_or_refused(cli, folder, command if name == "metrics.csv" else PROBED_FIGURES)
        said = outcome.code == 1 or (command.startswith("list") and "damaged" in outcome.out)
        assert said or content.endswith(b"\n")


def rows_of_any_size() -> st.SearchStrategy[list[Row]]:
    last = st.builds(Row, st.just(24), NUMBERS, NUMBERS, LOSSES, ERRORS, ERRORS, LOSSES, ERRORS, NUMBERS, NUMBERS)
    first = st.builds(Row, st.integers(1, 23), NUMBERS, NUMBERS, LOSSES, ERRORS, *[st.none()] * 3, NUMBERS, NUMBERS)
    return st.builds(lambda *rows: list(rows), first, last)


@given(
    rows=rows_of_any_size(),
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=9, max_size=9),
    name=st.sampled_from(["\x1b[31mred", "$\\frac{$", "名前", "\u202egnp", "[bold]", "x" * 200, "_^{", "$"]),
)
@fuzzed(10)
def test_absurd_but_possible_numbers_and_names_are_drawn(
    cli: Cli, run: Path, rows: list[Row], values: list[float], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with copied(run) as folder, monkeypatch.context() as patch:
        patch.setattr("resnet_repro.figures.command.USUAL_FORMATS", ("svg",))
        RowFile(folder / "metrics.csv", Row, rows).write()
        probes = [ProbeRow(24, probe, f"{name}{place}", "std", value) for probe in ("layer_response", "gradient_norm")
                  for place, value in enumerate(values)]  # fmt: skip
        RowFile(folder / "probes.csv", ProbeRow, probes).write()
        environment = {**ENVIRONMENT, "device_name": name, "data": {**DATA, "name": name}}
        (folder / "environment.json").write_bytes(as_json(environment))
        results = folder.parent.parent
        for command in ("plot", "list", "list --json", "table", "table --json"):
            assert tidy(cli, *command.split(), results).code == 0
