"""The run folder: whole files, refused mixtures, damage named."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_repro.errors import RunError
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.record.run import find_runs, read_run
from resnet_repro.spec import Experiment, ModelSpec, ProbesSpec

EXPERIMENT = Experiment(name="suite/net", seed=3, model=ModelSpec(depth=20))
PROBED = EXPERIMENT.model_copy(update={"probes": ProbesSpec(measure=("layer_response",))})
COLUMNS = (
    "step,epoch,learning_rate,train_loss,train_error_pct,train_error_clean_pct,"
    "test_loss,test_error_pct,images_per_second,elapsed_seconds"
)
PROBE_COLUMNS = "step,probe,layer,name,value"


def row(step: int) -> Row:
    return Row(step, step / 391, 0.1, 2.5, 90.0, None, None, None, 1000.0, step / 10)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path, EXPERIMENT)
    with folder.held():
        folder.begin({"device": "cpu"})
        folder.append(row(1))
        folder.append(row(2))
    return folder


def probe_row(step: int, value: float = 0.25) -> ProbeRow:
    return ProbeRow(step, "layer_response", "stage1.0.branch.conv1", "std", value)


@pytest.fixture
def probed(tmp_path: Path) -> RunFolder:
    """A run whose probes have measured at steps 1 and 2."""
    folder = RunFolder(tmp_path / "probed", PROBED)
    with folder.held():
        folder.begin({"device": "cpu"})
        folder.append(row(1))
        folder.append_probes([probe_row(1), probe_row(1, -1.5)])
        folder.append_probes(iter([probe_row(2)]))
    return folder


def test_the_columns_are_the_contract(folder: RunFolder, probed: RunFolder) -> None:
    assert (folder.path / "metrics.csv").read_text().splitlines()[0] == COLUMNS
    assert (probed.path / "probes.csv").read_text().splitlines()[0] == PROBE_COLUMNS


def test_what_is_written_is_read_back(folder: RunFolder) -> None:
    last = replace(row(3), train_error_clean_pct=1.0, test_loss=2.0, test_error_pct=3.0)
    folder.append(last)
    folder.close("finished", 3, 269_722, {"name": "CIFAR-10"}, 0.2)
    run = read_run(folder.path)
    assert run.rows == (row(1), row(2), last)
    assert run.experiment == EXPERIMENT
    assert run.environment == {"device": "cpu"}
    assert (run.status, run.summary["steps"], run.summary["parameters"]) == ("finished", 3, 269_722)
    assert run.summary["final"]["step"] == 3
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "environment.json", "metrics.csv", "spec.yaml", "summary.json",
    ]  # fmt: skip


def test_what_probes_found_is_read_back(probed: RunFolder) -> None:
    assert read_run(probed.path).probes == (probe_row(1), probe_row(1, -1.5), probe_row(2))
    assert not list(probed.path.glob("*.tmp"))


def test_probe_values_are_kept_to_six_digits(probed: RunFolder) -> None:
    probed.append_probes([probe_row(3, 1 / 3), probe_row(3, 123_456_789.0), probe_row(3, -2.0000004e-12)])
    assert [found.value for found in read_run(probed.path).probes[3:]] == [0.333333, 123_457_000.0, -2e-12]


def test_a_run_without_probes_has_no_file_of_them(folder: RunFolder) -> None:
    assert not (folder.path / "probes.csv").exists()
    assert read_run(folder.path).probes == ()


def test_a_run_whose_probes_have_found_nothing_yet_has_the_columns_alone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, PROBED)
    folder.begin({})
    assert (folder.path / "probes.csv").read_text() == f"{PROBE_COLUMNS}\n"
    assert read_run(folder.path).probes == ()


def test_states_follow_the_run(tmp_path: Path, folder: RunFolder) -> None:
    assert RunFolder(tmp_path / "elsewhere", EXPERIMENT).state() == "new"
    assert folder.state() == "unfinished"
    folder.close("interrupted", 2, 1, {}, 0.2)
    assert folder.state() == "unfinished"
    folder.close("diverged", 2, 1, {}, 0.2)
    assert folder.state() == "diverged"
    assert folder.state(restart=True) == "new"


def test_going_on_restores_what_the_checkpoint_has_seen(tmp_path: Path, probed: RunFolder) -> None:
    recorded = probed.recorded()
    probed.append(row(3))
    probed.append_probes([probe_row(3)])
    again = RunFolder(tmp_path / "probed", PROBED)
    again.begin({"device": "cuda"}, recorded)
    run = read_run(again.path)
    assert (run.rows, run.probes) == ((row(1),), (probe_row(1), probe_row(1, -1.5), probe_row(2)))
    assert run.environment == {"device": "cpu", "resumed": [{"device": "cuda"}]}
    again.append_probes([probe_row(2, 0.5)])
    assert read_run(again.path).probes[-1] == probe_row(2, 0.5)


def test_going_on_leaves_files_that_are_as_the_checkpoint_says(tmp_path: Path, probed: RunFolder) -> None:
    probed.append_probes(probe_row(3, value) for value in (1 / 3, 1e-7 / 3, 1e17 / 3, 100.0, -0.0))
    before = [(probed.path / name).read_bytes() for name in ("metrics.csv", "probes.csv")]
    RunFolder(tmp_path / "probed", PROBED).begin({"device": "cpu"}, probed.recorded())
    assert [(probed.path / name).read_bytes() for name in ("metrics.csv", "probes.csv")] == before


@pytest.mark.parametrize("damage", [None, b"", b"step,epo", b"\xff\xfe", b"{"])
@pytest.mark.parametrize("name", ["metrics.csv", "probes.csv", "environment.json", "summary.json"])
def test_going_on_restores_damaged_text(tmp_path: Path, probed: RunFolder, name: str, damage: bytes | None) -> None:
    whole = (probed.path / name).read_bytes() if name != "summary.json" else None
    recorded = probed.recorded()
    if damage is None:
        (probed.path / name).unlink(missing_ok=True)
    else:
        (probed.path / name).write_bytes(damage)
    RunFolder(tmp_path / "probed", PROBED).begin({"device": "cpu"}, recorded)
    if whole is None:
        assert not (probed.path / name).exists()
    elif name != "environment.json":
        assert (probed.path / name).read_bytes() == whole
    assert read_run(probed.path).environment == {"device": "cpu", "resumed": [{}]}


def test_what_was_measured_after_a_divergence_is_forgotten(folder: RunFolder, probed: RunFolder) -> None:
    probed.forget_probes_after(1)
    assert read_run(probed.path).probes == (probe_row(1), probe_row(1, -1.5))
    probed.append_probes([probe_row(2, 0.5)])
    assert len(read_run(probed.path).probes) == 3
    folder.forget_probes_after(1)
    assert not (folder.path / "probes.csv").exists()


def test_a_run_of_another_spec_is_refused(tmp_path: Path, folder: RunFolder) -> None:
    other = EXPERIMENT.model_copy(update={"model": ModelSpec(depth=20, shortcut="none")})
    with pytest.raises(RunError, match=r"seed-3/spec\.yaml: holds a run of another spec \(model\.shortcut: none"):
        RunFolder(tmp_path, other).state()
    assert read_run(folder.path).rows == (row(1), row(2))


def test_a_run_that_is_held_is_refused(tmp_path: Path, folder: RunFolder) -> None:
    again = RunFolder(tmp_path, EXPERIMENT)
    with folder.held(), pytest.raises(RunError) as refused, again.held():
        pass
    assert f"process {os.getpid()} on {socket.gethostname()} is training this run" in str(refused.value)
    with again.held():
        assert (again.path / "holder.lock").exists()
    assert not (again.path / "holder.lock").exists()


def test_discarding_leaves_strangers_files(probed: RunFolder) -> None:
    (probed.path / "notes.txt").write_text("mine")
    probed.discard()
    assert [path.name for path in probed.path.iterdir()] == ["notes.txt"]


def test_numbers_that_json_has_not_become_null(folder: RunFolder) -> None:
    folder.append(Row(3, 0.1, 0.1, float("inf"), 90.0, None, float("nan"), None, 1.0, 1.0))
    folder.close("diverged", 4, 1, {}, 0.2)
    summary = json.loads((folder.path / "summary.json").read_text())
    assert summary["final"]["train_loss"] is None
    assert read_run(folder.path).rows[-1].train_loss == float("inf")


@pytest.mark.parametrize(
    ("name", "content", "fragment"),
    [
        ("metrics.csv", "step,loss\n1,2\n", "metrics.csv:1: the columns should be"),
        ("metrics.csv", f"{COLUMNS}\n1,2,3\n", "metrics.csv:2: is damaged"),
        ("metrics.csv", f"{COLUMNS}\n1,,3,4,5,6,7,8,9,10\n", "metrics.csv:2: is damaged"),
        ("metrics.csv", "", "metrics.csv:1: the columns should be"),
        ("metrics.csv", b"\xff\xfe", "metrics.csv: is damaged"),
        ("summary.json", "{", "summary.json: is damaged"),
        ("summary.json", "[]", "summary.json: is damaged"),
        ("summary.json", '{"status": "fine"}', "summary.json: status"),
        ("environment.json", "[" * 100_000, "environment.json: is damaged"),
        ("spec.yaml", "", "spec.yaml: is not a spec"),
    ],
)
def test_damage_is_named(folder: RunFolder, name: str, content: str | bytes, fragment: str) -> None:
    (folder.path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Exception, match=fragment) as refused:
        read_run(folder.path)
    assert type(refused.value).__name__ in ("RunError", "SpecError")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("step,probe,layer\n", "probes.csv:1: the columns should be step,probe,layer,name,value"),
        (f"{PROBE_COLUMNS}\n1,a,b,c,0.5\n2,a,b,c\n", "probes.csv:3: is damaged"),
        (f"{PROBE_COLUMNS}\n1,a,b,c,\n", "probes.csv:2: is damaged"),
        (f"{PROBE_COLUMNS}\n1.5,a,b,c,2\n", "probes.csv:2: is damaged"),
        (b"\x80", "probes.csv: is damaged: not UTF-8 text"),
    ],
)
def test_damage_to_what_probes_found_is_named(probed: RunFolder, content: str | bytes, fragment: str) -> None:
    (probed.path / "probes.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError) as refused:
        read_run(probed.path).probes  # noqa: B018  (read when first wanted)
    assert str(refused.value).startswith(f"{probed.path / fragment}")
    assert "\n" not in str(refused.value)


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file, not a folder")
    folder = RunFolder(tmp_path / "results", EXPERIMENT)
    with pytest.raises(RunError, match=r"results.*choose another --results"), folder.held():
        pass


def test_runs_are_found_in_suites_too(tmp_path: Path, folder: RunFolder) -> None:
    assert find_runs(tmp_path) == [folder.path]
    assert find_runs(tmp_path / "nothing") == []
