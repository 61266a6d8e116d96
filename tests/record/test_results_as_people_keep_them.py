"""Results folders after people have renamed, moved, linked, edited and damaged runs: nothing vanishes silently."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY, Cli

from resnet_repro.record.finding import find_runs
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.record.run import Run, read_run
from resnet_repro.spec.file import load_spec

READERS: tuple[tuple[str, ...], ...] = (
    ("list",), ("table",), ("claims",), ("table", "--published"), ("plot", "--format", "svg"), ("report",),
)  # fmt: skip
LAST_EPOCH = {"train_loss": 2.0, "train_error_pct": 80.0}
ENVIRONMENT = {"device_name": "CPU", "data": {"name": "synthetic shapes", "exact": False}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of a net, as a training leaves them."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "tiny.yaml").write_text(TINY + "probes: {measure: [layer_response], images: 16}\n")
    for seed in (0, 1, 2):
        run = RunFolder(folder / "r", load_spec(folder / "tiny.yaml", [f"seed={seed}"]))
        run.begin(ENVIRONMENT)
        run.append(Row(24, 1.0, 0.1, 2.0, 80.0, 70.0, 2.0, 75.0, 9.0, 1.0))
        run.append_probes([ProbeRow(24, "layer_response", "stem", "std", 0.5)])
        run.close("finished", 24, 1000, {"name": "synthetic shapes", "exact": False}, 3.0, LAST_EPOCH)
    return folder / "r"


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "r"))


def listed(cli: Cli, results: Path) -> dict[str, tuple[int | None, str]]:
    """The seed and status of each run, by its path in the results folder."""
    outcome = cli("list", results, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return {
        str(Path(run["path"]).relative_to(results)): (run["seed"], run["status"]) for run in json.loads(outcome.out)
    }


@pytest.mark.parametrize("name", ["seed-77", "best", "seed-0 (copy)", "seed-", "seed_0", "2026-11-27"])
def test_a_run_in_a_renamed_folder_is_read_under_the_name_of_its_folder(cli: Cli, results: Path, name: str) -> None:
    (results / "tiny/seed-0").rename(results / "tiny" / name)
    assert listed(cli, results)[f"tiny/{name}"] == (0, "finished")
    assert f"tiny/{name}" in cli("list", results).out
    assert json.loads(cli("table", results, "--json").out)[0]["nets"][0]["test_error_pct"]["n"] == 3


def test_renamed_runs_of_two_experiments_in_one_folder_are_not_taken_for_one(cli: Cli, results: Path) -> None:
    shutil.move(results / "tiny/seed-0", results / "a")
    shutil.move(results / "tiny/seed-1", results / "b")
    other = json.loads((results / "b/environment.json").read_text()) | {"device_name": "another CPU"}
    (results / "b/environment.json").write_text(json.dumps(other))
    assert "≠" not in cli("list", results).out


def test_a_run_in_the_folder_of_another_is_read(cli: Cli, results: Path) -> None:
    shutil.move(results / "tiny/seed-1", results / "tiny/seed-0/backup")
    assert list(listed(cli, results)) == ["tiny/seed-0", "tiny/seed-0/backup", "tiny/seed-2"]


def test_runs_behind_links_are_read_once(cli: Cli, results: Path, tmp_path: Path) -> None:
    for disk in ("disk", "disk2"):
        (tmp_path / disk).mkdir()
    shutil.move(results / "tiny/seed-0", tmp_path / "disk/seed-0")
    shutil.move(results / "tiny", tmp_path / "disk2/tiny")
    (tmp_path / "disk/back").symlink_to(results)  # a loop
    (results / "loop").symlink_to(results)
    (results / "self").symlink_to("self")
    (results / "linked").symlink_to(tmp_path / "disk")
    (results / "linked again").symlink_to(tmp_path / "disk")
    (results / "tiny").symlink_to(tmp_path / "disk2/tiny")
    (results / "tiny/seed-1/figure").symlink_to("nowhere")  # a link in a run folder is a file
    (results / "notes.txt").symlink_to(tmp_path / "disk2/tiny/seed-1/spec.yaml")
    outcome = cli("list", results, "--json")
    assert [run["path"].removeprefix(f"{results}/") for run in json.loads(outcome.out)] == [
        "linked/seed-0", "tiny/seed-1", "tiny/seed-2",
    ]  # fmt: skip
    assert outcome.err.startswith(f"note: {results / 'self'}: cannot be read and is left out: ")
    assert outcome.err.count("\n") == 1
    (tmp_path / "other name").symlink_to(results)
    assert cli("table", tmp_path / "other name").code == 0


def test_a_link_to_a_disk_that_is_not_there_is_named(cli: Cli, results: Path) -> None:
    (results / "scratch").symlink_to("/mnt/nowhere/results")
    for command, *options in READERS[:3]:
        outcome = cli(command, results, *options)
        assert outcome.code == 0
        assert f"note: {results / 'scratch'}: cannot be read and is left out: No such file or directory" in outcome.err


def test_a_link_to_very_many_folders_ends_with_a_note(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (tmp_path / f"many/{number}/{number}").mkdir(parents=True)
    (results / "a").symlink_to(tmp_path / "many")
    monkeypatch.setattr("resnet_repro.record.finding.MOST_LINKED", 30)
    notes: list[str] = []
    assert len(find_runs(results, notes.append)) == 3
    assert notes == [
        f"{results / 'a'}: leads to too many folders, of which some are left out; name the one that holds runs"
    ]


def test_an_export_and_a_folder_of_specs_are_no_runs(results: Path) -> None:
    for name, others in {"export": ["config.json", "README.md"], "specs": ["other.yaml"], "logs": []}.items():
        (results / name).mkdir()
        for file in ("metrics.csv" if name == "logs" else "spec.yaml", *others):
            (results / name / file).write_text("")
    assert len(find_runs(results)) == 3


def changed(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(), new.encode())


DAMAGE: dict[str, tuple[str, bytes | Callable[[bytes], bytes] | None, str]] = {
    "empty spec.yaml": ("spec.yaml", b"", "spec.yaml: is not a spec"),
    "no spec.yaml": ("spec.yaml", None, "spec.yaml: there is no such file"),
    "newer field": ("spec.yaml", changed("depth: 8", "depth: 8\n  newer: 1"), "spec.yaml:5: model.newer: "),
    "newer option": ("spec.yaml", changed("option: A", "option: C"), "model.option: 'C' should be"),
    "no name": ("spec.yaml", changed("shortcut: none", "shortcut: 'a b'"), "model.shortcut: 'a b' should be"),
    "empty environment.json": ("environment.json", b"", "environment.json: is damaged"),
    "binary environment.json": ("environment.json", b"\xff\xfe", "environment.json: is damaged"),
    "no metrics.csv": ("metrics.csv", None, "metrics.csv: should end with the errors after step 24"),
    "semicolons": ("metrics.csv", changed(",", ";"), "metrics.csv:1: the columns should be step,epoch"),
    "newer status": ("summary.json", changed("finished", "paused"), "summary.json: status: should be"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_hides_no_other(cli: Cli, results: Path, damage: str) -> None:
    name, change, fault = DAMAGE[damage]
    folder = results / "tiny/seed-1"
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if change is not None:
        (folder / name).write_bytes(change(content) if callable(change) else change)
    assert listed(cli, results)["tiny/seed-1"] == (None, "damaged")
    for command, *options in READERS if damage == "empty spec.yaml" else (("list",), ("table",)):
        outcome = cli(command, results, *options)
        assert outcome.code == 0
        said = outcome.out if command == "list" else outcome.err
        assert fault in said
        assert command == "list" or said.endswith("; this run is left out\n")
    assert json.loads(cli("table", results, "--json").out)[0]["nets"][0]["test_error_pct"]["n"] == 2


def test_a_run_that_may_not_be_read_hides_no_other(cli: Cli, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(folder: Path) -> Run:
        if folder.name == "seed-1":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read_run(folder)

    monkeypatch.setattr("resnet_repro.analysis.loading.read_run", read)
    assert [status for _, status in listed(cli, results).values()] == ["finished", "damaged", "finished"]
    assert f"damaged: {results / 'tiny/seed-1'}: cannot be read: Permission denied\n" in cli("list", results).out


def test_damaged_probes_hide_no_curve(cli: Cli, results: Path) -> None:
    (results / "tiny/seed-1/probes.csv").write_text("nonsense\n")
    outcome = cli("plot", results, "--format", "svg")
    assert outcome.code == 0
    assert "curves-" in outcome.out
    assert "layer-responses-" in outcome.out
    assert outcome.err.endswith("; the probes of this run are left out\n")
    assert outcome.err.count("\n") == 1


def test_only_damaged_runs_are_listed_and_elsewhere_an_error_of_one_line(cli: Cli, results: Path) -> None:
    for path in results.rglob("metrics.csv"):
        path.write_text("nonsense\n")
    listed = cli("list", results)
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.count("\ndamaged: ") == 3
    assert [run["status"] for run in json.loads(cli("list", results, "--json").out)] == ["damaged"] * 3
    for command, *options in READERS:
        if command == "list":
            continue
        outcome = cli(command, results, *options)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.count("\n") == 1
        assert outcome.err.endswith("(2 more runs cannot be read)\n")


def test_empty_lines_that_an_editor_adds_to_the_rows_change_nothing(cli: Cli, results: Path) -> None:
    before = [cli(*command, results).out for command in READERS[:3]]
    for path in results.rglob("*.csv"):
        path.write_text(path.read_text() + "\n\n")
    assert [cli(*command, results).out for command in READERS[:3]] == before


@pytest.mark.parametrize("name", ["metrics.csv", "probes.csv", "environment.json", "summary.json", "spec.yaml"])
def test_a_byte_order_mark_and_windows_line_ends_are_accepted(cli: Cli, results: Path, name: str) -> None:
    before = {path: cli(*command, results).out for command in READERS[:3] for path in [command[0]]}
    path = results / "tiny/seed-1" / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    for command in READERS[:3]:
        outcome = cli(*command, results)
        assert (outcome.out, outcome.err) == (before[command[0]], "")
