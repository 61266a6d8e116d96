"""Values, rows and names from strangers: one line for what is wrong, and text stays text."""

import html
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from attacked import COMMANDS, RUN, UNFINISHED, Arena, Case, Prepare, faults

from resnet_repro.errors import printable

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="limits memory by Linux's /proc")


WRONG = ['"x"', "[1]", "1" + "0" * 400, "-1", "true", "NaN", "null"]


def with_value(file: str, key: str, value: str) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        path = project / "results" / RUN / file
        content = json.loads(path.read_text())
        content[key] = "HERE"
        path.write_text(json.dumps(content).replace('"HERE"', value))

    return prepare


def test_a_value_of_a_wrong_type_or_size(arena: Arena) -> None:
    fields = [("summary.json", key) for key in ("status", "steps", "parameters", "total_seconds", "final", "data")]
    fields += [("environment.json", key) for key in ("data", "device_name", "precision", "versions", "git", "command")]
    attacks = {f"{file} {key} {value[:20]}": with_value(file, key, value) for file, key in fields for value in WRONG}
    arena.attack(attacks, ["list"])
    some = {name: prepare for name, prepare in attacks.items() if "[1]" in name or "parameters" in name}
    arena.attack(some, ["table --published", "claims"])


def with_rows(change: Callable[[list[list[str]]], list[list[str]]], file: str) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        path = project / "results" / RUN / file
        lines = [line.split(",") for line in path.read_text().splitlines()]
        path.write_text("".join(",".join(line) + "\n" for line in [lines[0], *change(lines[1:])]))

    return prepare


def with_cell(column: int, value: str) -> Callable[[list[list[str]]], list[list[str]]]:
    return lambda rows: [[*row[:column], value if row[column] else "", *row[column + 1 :]] for row in rows]


def exchanged(old: str, new: str, rows: list[list[str]]) -> list[list[str]]:
    return [[new if cell == old else cell for cell in row] for row in rows]


def test_rows_that_no_run_writes(arena: Arena) -> None:
    attacks = {
        f"{column} {value}": with_rows(with_cell(column, value), "metrics.csv")
        for column in range(1, 10)
        for value in ("nan", "-inf", "1e-160", "1e308", "")
    }
    arena.attack(attacks, ["table", "claims"])
    drawn = {name: prepare for name, prepare in attacks.items() if name[0] in "37" and "1e" in name}
    arena.attack(drawn, ["plot"])
    renamed = {"p15": "p10", "p85": "p85\u202e", "p50": "p15"}
    probes = {f"{old} as {new}": with_rows(partial(exchanged, old, new), "probes.csv") for old, new in renamed.items()}
    probes["two layers"] = with_rows(lambda rows: [[*row[:2], row[2] + row[3], *row[3:]] for row in rows], "probes.csv")
    probes["no rows"] = with_rows(lambda rows: [], "probes.csv")
    probes["other steps"] = with_rows(lambda rows: rows[: len(rows) // 3], "probes.csv")
    for value in ("nan", "1e38", "-1e38", "0", "1e-300"):
        probes[f"value {value}"] = with_rows(with_cell(4, value), "probes.csv")
    arena.attack(probes, ["plot of probes"])


def test_more_rows_than_fit(arena: Arena) -> None:
    def many(project: Path, outside: Path) -> None:
        folder = project / "results" / RUN
        for name in ("spec.yaml",):
            text = (folder / name).read_text()
            (folder / name).write_text(text.replace("steps: 8", "steps: 10000000").replace("- 4\n  - 6", "- 4"))
        (folder / "summary.json").unlink()
        head = (folder / "metrics.csv").read_text().splitlines()[0]
        rows = (f"{step},1,1,1,1,1,1,1,1,1\n" for step in range(1, 400_001))
        (folder / "metrics.csv").write_text(head + "\n" + "".join(rows))

    arena.attack({"rows": many}, ["claims"])


NAMES = [
    "plain20;touch X;#",
    "a\nb",
    "$(touch X)",
    "`touch X`",
    "-rf",
    "a'b",
    'a"b',
    "a b",
    "\u202ex",
    "<b>x",
    "x" * 200,
]


@pytest.mark.parametrize("command", ["list", "table", "claims", "plot of curves", "train"])
def test_a_folder_with_a_hostile_name(arena: Arena, command: str) -> None:
    def renamed(name: str) -> Prepare:
        return lambda project, outside: (project / "results/plain8").rename(project / "results" / name) and None

    arena.attack({name: renamed(name) for name in (NAMES if command in ("list", "table") else NAMES[:4])}, [command])


def test_the_commands_of_the_report_are_safe_to_paste(arena: Arena) -> None:
    """Also for a terminal, which may take a control character or a new line in a pasted text for a key."""
    project = arena.project()
    for seed, name in enumerate([*NAMES, "\x1b[201~\x15touch X\n"]):
        folder = shutil.copytree(project / "results" / RUN, project / "results" / name / "seed-0")
        spec = (folder / "spec.yaml").read_text()
        (folder / "spec.yaml").write_text(spec.replace("seed: 0", f"seed: {seed + 1}"))
    result = arena.forked.run([Case("", project, COMMANDS["report"])])[""]
    assert result.code == 0, result.err
    page = (project / "results/report.html").read_text()
    commands = [html.unescape(found) for found in re.findall(r"<code>(resnet-repro train .*?)</code>", page, re.DOTALL)]
    words = [shlex.split(command) for command in commands]
    for name in NAMES:
        assert [*("resnet-repro", "train"), f"results/{printable(name)}/seed-0/spec.yaml"] in [
            line[:3] for line in words
        ]
    for command, line in zip(commands, words, strict=True):
        assert shlex.join(line) == command
        assert command.isprintable()


TEXTS = [
    "$(touch X)",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "# x",
    "[x]: http://x",
    "=1+1",
    "|",
    "```",
]


def test_names_of_data_and_devices_are_plain_text_on_every_page(arena: Arena) -> None:
    cases = []
    for number, text in enumerate(TEXTS):
        project = recorded_as(arena, text)
        commands = (["table", "results", "--markdown"], ["claims", "results", "--markdown"],
                    ["table", "results", "--published", "--markdown"])  # fmt: skip
        cases += [Case(f"{number} {command}", project, command) for command in commands]
    found = arena.forked.run(cases)
    for case, result in zip(cases, found.values(), strict=True):
        assert faults(result) == []
        text = TEXTS[int(case.name.split()[0])]
        assert "<img src=x" not in result.out
        assert "](javascript:" not in result.out
        if case.arguments[0] == "table" and text[0] in "#[`":
            assert not any(line.startswith(text) for line in result.out.splitlines())


def recorded_as(arena: Arena, text: str) -> Path:
    """A project whose runs recorded this text as their data, device, versions and commit."""
    project = arena.project()
    for run in (RUN, UNFINISHED):
        path = project / "results" / run / "environment.json"
        content = json.loads(path.read_text())
        content |= {"device_name": text, "data": {"name": text, "exact": False}, "engine": text}
        content |= {"versions": {text: text, "torch": text}, "git": {"commit": text, "dirty": text}}
        content["resumed"] = [{"engine": text}]
        path.write_text(json.dumps(content))
    return project


def test_text_on_the_report_is_neither_html_nor_turned_around(arena: Arena) -> None:
    text = "".join(TEXTS) + "</script><script>x\u202e\x1b]8;;http:x\x07\r\x9b"
    project = recorded_as(arena, text)
    result = arena.forked.run([Case("", project, COMMANDS["report"])])[""]
    assert (result.code, faults(result)) == (0, []), result.err
    page = (project / "results/report.html").read_bytes().decode()
    assert "<img src=x" not in page
    assert page.count("<script>") == 1
    assert all(line.isprintable() for line in page.split("\n"))
