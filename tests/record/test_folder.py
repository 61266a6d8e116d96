"""The run folder: what is written is read back, resumed or deleted, and other runs are refused."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from run_folders import COLUMNS, EXPERIMENT, PROBE_COLUMNS, PROBED, probe_row, probed_folder, row, unfinished_folder

from resnet_repro.errors import RunError
from resnet_repro.record.finding import find_runs
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.record.run import read_run
from resnet_repro.spec import ModelSpec


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return unfinished_folder(tmp_path)


@pytest.fixture
def probed(tmp_path: Path) -> RunFolder:
    return probed_folder(tmp_path / "probed")


def test_the_columns_are_as_documented(folder: RunFolder, probed: RunFolder) -> None:
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


def test_probe_rows_are_read_back(probed: RunFolder) -> None:
    assert read_run(probed.path).probes == (probe_row(1), probe_row(1, -1.5), probe_row(2))
    assert {path.name for path in probed.path.iterdir()} <= {
        "environment.json",
        "metrics.csv",
        "probes.csv",
        "spec.yaml",
    }


def test_probe_values_are_kept_to_six_digits(probed: RunFolder) -> None:
    probed.append_probes([probe_row(3, 1 / 3), probe_row(3, 123_456_789.0), probe_row(3, -2.0000004e-12)])
    assert [found.value for found in read_run(probed.path).probes[3:]] == [0.333333, 123_457_000.0, -2e-12]


def test_a_run_without_probes_has_no_probe_file(folder: RunFolder) -> None:
    assert not (folder.path / "probes.csv").exists()
    assert read_run(folder.path).probes == ()


def test_a_run_that_has_not_measured_yet_has_a_probe_file_without_rows(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, PROBED)
    folder.begin({})
    assert (folder.path / "probes.csv").read_text() == f"{PROBE_COLUMNS}\n"
    assert read_run(folder.path).probes == ()


def test_the_status_follows_the_run(tmp_path: Path, folder: RunFolder) -> None:
    assert RunFolder(tmp_path / "elsewhere", EXPERIMENT).status() == "new"
    assert folder.status() == "unfinished"
    folder.close("interrupted", 2, 1, {}, 0.2)
    assert folder.status() == "unfinished"
    folder.close("diverged", 2, 1, {}, 0.2)
    assert folder.status() == "diverged"
    assert folder.status(restart=True) == "new"


def test_resuming_restores_the_rows_of_the_checkpoint(tmp_path: Path, probed: RunFolder) -> None:
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


def test_resuming_leaves_files_that_equal_the_checkpoint(tmp_path: Path, probed: RunFolder) -> None:
    probed.append_probes(probe_row(3, value) for value in (1 / 3, 1e-7 / 3, 1e17 / 3, 100.0, -0.0))
    before = [(probed.path / name).read_bytes() for name in ("metrics.csv", "probes.csv")]
    RunFolder(tmp_path / "probed", PROBED).begin({"device": "cpu"}, probed.recorded())
    assert [(probed.path / name).read_bytes() for name in ("metrics.csv", "probes.csv")] == before


def test_probe_rows_after_a_divergence_are_deleted(folder: RunFolder, probed: RunFolder) -> None:
    probed.forget_probes_after(1)
    assert read_run(probed.path).probes == (probe_row(1), probe_row(1, -1.5))
    probed.append_probes([probe_row(2, 0.5)])
    assert len(read_run(probed.path).probes) == 3
    folder.forget_probes_after(1)
    assert not (folder.path / "probes.csv").exists()


def test_a_run_of_another_spec_is_refused(tmp_path: Path, folder: RunFolder) -> None:
    other = EXPERIMENT.model_copy(update={"model": ModelSpec(depth=20, shortcut="none")})
    with pytest.raises(RunError, match=r"seed-3/spec\.yaml: holds a run of another spec \(model\.shortcut: none"):
        RunFolder(tmp_path, other).status()
    assert read_run(folder.path).rows == (row(1), row(2))


def test_a_run_that_is_held_is_refused(tmp_path: Path, folder: RunFolder) -> None:
    again = RunFolder(tmp_path, EXPERIMENT)
    with folder.held(), pytest.raises(RunError) as refused, again.held():
        pass
    assert f"process {os.getpid()} on {socket.gethostname()} is training this run" in str(refused.value)
    with again.held():
        assert (again.path / "holder.lock").exists()
    assert not (again.path / "holder.lock").exists()


def test_discarding_leaves_other_files(probed: RunFolder) -> None:
    (probed.path / "notes.txt").write_text("mine")
    probed.discard()
    assert [path.name for path in probed.path.iterdir()] == ["notes.txt"]


def test_numbers_that_json_lacks_become_null(folder: RunFolder) -> None:
    folder.append(Row(3, 0.1, 0.1, float("inf"), 90.0, None, float("nan"), None, 1.0, 1.0))
    folder.close("diverged", 4, 1, {}, 0.2)
    summary = json.loads((folder.path / "summary.json").read_text())
    assert summary["final"]["train_loss"] is None
    assert read_run(folder.path).rows[-1].train_loss == float("inf")


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file, not a folder")
    folder = RunFolder(tmp_path / "results", EXPERIMENT)
    with pytest.raises(RunError, match=r"results.*choose another --results"), folder.held():
        pass


def test_runs_are_found_in_suites_too(tmp_path: Path, folder: RunFolder) -> None:
    assert find_runs(tmp_path) == [folder.path]
    assert find_runs(tmp_path / "nothing") == []
