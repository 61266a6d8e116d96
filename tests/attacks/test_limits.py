"""Sizes, depths and kinds of files that no run has: refused soon, in one line, within the limit of memory."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from attacked import COMMANDS, RUN, UNFINISHED, Arena, Case, Prepare, faults
from hostile_checkpoints import ATTACKS

from resnet_repro.bench.columns import TextTable
from resnet_repro.bench.page import tables
from resnet_repro.errors import RunError
from resnet_repro.record.finding import find_runs

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="limits memory by Linux's /proc")

HUGE = 50_000_000_000  # bytes of a sparse file, which takes no room
SOON = 10.0  # seconds


def refused(arena: Arena, prepare: Prepare, arguments: list[str]) -> str:
    """The one line with which a command refuses what it finds."""
    project = arena.project()
    prepare(project, project.parent / "outside")
    result = arena.forked.run([Case("", project, arguments)])[""]
    assert faults(result) == []
    assert result.code == 1
    assert result.seconds < SOON
    return result.err


def with_environment(key: str, value: str) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        for run in (RUN, UNFINISHED):
            path = project / "results" / run / "environment.json"
            content = json.loads(path.read_text()) | {key: "HERE"}
            path.write_text(json.dumps(content).replace('"HERE"', value))

    return prepare


def test_what_the_checkpoint_of_a_stranger_holds(arena: Arena) -> None:
    for name, prepare in ATTACKS.items():
        assert "checkpoint" in refused(arena, prepare, ["train", "resnet8.yaml", "--device", "cpu"]), name


def test_json_that_indentation_would_blow_up(arena: Arena) -> None:
    nested = "[" * 300 + "1" + ",1" * 400_000 + "]" * 300
    assert "is damaged" in refused(arena, with_environment("versions", nested), COMMANDS["table"])
    assert "is damaged" in refused(arena, with_environment("x", "[" * 400_000), COMMANDS["table"])


def test_text_that_is_no_unicode(arena: Arena) -> None:
    """A lone surrogate in JSON, and a byte in the name of a folder."""

    def renamed(project: Path, outside: Path) -> None:
        os.rename(project / "results/plain8", os.fsencode(project / "results") + b"/a\xff")

    attacks = {"precision": with_environment("precision", '"\\ud800"'), "folder": renamed}
    arena.attack(attacks, ["report", "list"])


def test_a_line_without_end(arena: Arena) -> None:
    def prepare(project: Path, outside: Path) -> None:
        with (project / "results" / RUN / "metrics.csv").open("wb") as file:
            file.write("😀".encode())
            file.truncate(99_000_000)
        shutil.rmtree(project / "results" / UNFINISHED)  # else it would be shown

    assert "metrics.csv:1: the columns should be" in refused(arena, prepare, COMMANDS["table"])


def test_more_runs_than_fit(arena: Arena) -> None:
    def many(name: str, content: bytes, count: int) -> Prepare:
        def prepare(project: Path, outside: Path) -> None:
            for seed in range(count):
                folder = project / f"results/more/seed-{seed}"
                shutil.copytree(project / "results" / RUN, folder)
                (folder / name).write_bytes(content)

        return prepare

    rows = many("probes.csv", b"\n" * 1_100_000, 2)
    assert "too much to read together" in refused(arena, rows, COMMANDS["table"])
    values = many("environment.json", json.dumps([{}] * 240_000).encode(), 32)
    assert "too much to read together" in refused(arena, values, COMMANDS["table"])


def test_folders_without_end(arena: Arena) -> None:
    project = arena.project()
    folder = os.open(project / "results", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=folder)
        above, folder = folder, os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(above)
    os.close(folder)
    try:
        result = arena.forked.run([Case("", project, COMMANDS["list"])])[""]
    finally:
        subprocess.run(["rm", "-r", str(project / "results/d")], check=True)  # pytest cannot remove it
    assert (result.code, faults(result)) == (0, [])


def test_more_folders_than_can_be_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.record.finding.MOST_FOLDERS", 100)
    for seed in range(101):
        (tmp_path / f"seed-{seed}").mkdir()
        (tmp_path / f"seed-{seed}/spec.yaml").touch()
    with pytest.raises(RunError, match="holds more than 100 folders"):
        find_runs(tmp_path)


def test_more_measurements_than_fit_on_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.bench.page.table_of", lambda found: TextTable("x", [], []))
    monkeypatch.setattr("resnet_repro.bench.page.LARGEST_TABLES", 20)
    for number in range(10):
        (tmp_path / f"{number}.json").write_text("[             ]")
    with pytest.raises(RunError, match=r"1\.json: this file and those before it are too much"):
        tables(tmp_path)


def test_measurements_that_are_none(arena: Arena) -> None:
    """`bench --page` reads any JSON file beside the page."""

    def beside(name: str, kind: str) -> Prepare:
        def prepare(project: Path, outside: Path) -> None:
            (project / "speed").mkdir()
            (project / "speed/README.md").write_text("<!-- table -->\n<!-- /table -->\n")
            path = project / "speed" / name
            path.unlink(missing_ok=True)
            if kind == "FIFO":
                os.mkfifo(path)
            elif kind == "huge":
                with path.open("wb") as sparse:
                    sparse.truncate(HUGE)
            else:
                path.write_bytes(kind.encode("latin-1"))

        return prepare

    for name in ("README.md", "cpu.json"):
        for kind in ("FIFO", "huge", "\xff", "[" * 100_000, '{"environment": [], "device": 1}', "[null]"):
            assert name in refused(arena, beside(name, kind), ["bench", "--page", "speed"])


def test_data_that_are_none(arena: Arena) -> None:
    def prepare(project: Path, outside: Path) -> None:
        for version, file in (("py", "data_batch_1"), ("bin", "data_batch_1.bin")):
            folder = project / version / f"cifar-10-batches-{version}"
            folder.mkdir(parents=True)
            with (folder / file).open("wb") as sparse:
                sparse.truncate(HUGE)

    for version in ("py", "bin"):
        assert "data_batch_1" in refused(arena, prepare, ["data", "check", "--data-dir", version])


def test_a_net_that_takes_too_long_to_describe(arena: Arena) -> None:
    def prepare(project: Path, outside: Path) -> None:
        (project / "deep.yaml").write_text("model: {depth: 9998, width: 1}\n")

    assert "depth" in refused(arena, prepare, ["describe", "deep.yaml"])
