"""Changes of the environment that can change results, and how `list` marks them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Cli, make_run

from resnet_repro.analysis.loading import mixed_environments
from resnet_repro.record.provenance import changes, differing
from resnet_repro.record.run import Run

BEGAN: dict[str, Any] = {
    "device_name": "CPU (AMD EPYC, 2 threads)",
    "precision": "bf16",
    "engine": "eager",
    "versions": {"torch": "2.13.0", "numpy": "2.4.0"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "command": ["resnet-repro", "train"],
}


def made(seed: int, **changed: Any) -> Run:
    return replace(make_run(seed=seed), environment={**BEGAN, **changed})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"device_name": "CPU (AMD EPYC, 1 thread)"}, "device: CPU (AMD EPYC, 1 thread) for CPU (AMD EPYC, 2 threads)"),
        ({"precision": "fp32"}, "precision: fp32 for bf16"),
        ({"engine": "cuda graph"}, "engine: cuda graph for eager"),
        ({"ranks": 2}, "ranks: 2 for 1"),
        ({"deterministic": True}, "deterministic: yes for no"),
        ({"versions": {"torch": "2.9.1", "numpy": "2.4.0"}}, "torch: 2.9.1 for 2.13.0"),
        ({"versions": {"torch": "2.13.0", "numpy": "1.26.4"}}, "numpy: 1.26.4 for 2.4.0"),
        ({"git": {"commit": "0123456789abcdef", "dirty": True}}, "commit: 0123456789 with changes for 0123456789"),
        ({"git": None}, "commit: unknown for 0123456789"),
    ],
)
def test_changes_that_can_change_results_are_found(changed: dict[str, Any], said: str) -> None:
    assert changes(BEGAN, {**BEGAN, **changed}) == [said]
    assert list(differing([BEGAN, {**BEGAN, **changed}])) == [said.split(":")[0]]
    assert list(differing([{**BEGAN, "resumed": [{}, changed]}])) == [said.split(":")[0]]


def test_other_changes_are_ignored() -> None:
    later = {**BEGAN, "command": ["resnet-repro", "train", "--seed", "3"], "ranks": 1, "deterministic": False}
    assert changes(BEGAN, later) == []
    assert differing([BEGAN, later, {**BEGAN, "resumed": [{"command": []}, {}]}]) == {}
    assert differing([]) == {}


def test_only_experiments_whose_own_runs_differ_are_marked() -> None:
    alike = [replace(run, path=Path("results/alike") / run.path.name) for run in (made(0), made(1))]
    unlike = [replace(run, path=Path("results/unlike") / run.path.name) for run in (made(0), made(1, precision="fp32"))]
    [found] = mixed_environments([*alike, *unlike])
    assert (found.experiment, found.fields) == ("results/unlike", {"precision": ["bf16", "fp32"]})
    assert mixed_environments(alike) == []


def test_list_marks_runs_of_one_experiment_whose_environments_differ(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (0, 1):
        monkeypatch.setattr("resnet_repro.runner.environment.device_name", lambda device, made=seed: f"CPU {made}")
        assert cli("train", tiny, "--results", tmp_path, "--seed", seed, "--device", "cpu").code == 0
    listed = cli("list", tmp_path).out
    assert listed.count("≠") == 3
    assert (
        f"≠ {tmp_path / 'tiny'}: its runs, or parts of them, were made in different environments (device: CPU" in listed
    )
    runs = json.loads(cli("list", tmp_path, "--json").out)
    assert [run["environments_differ_in"] for run in runs] == [["device"], ["device"]]


def test_deterministic_runs_are_equal_bit_for_bit_and_recorded_as_such(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    try:
        for results in ("a", "b"):
            command = ("train", tiny, "--results", tmp_path / results, "--device", "cpu", "--deterministic")
            assert cli(*command).code == 0
    finally:
        torch.use_deterministic_algorithms(False)
    a, b = (tmp_path / results / "tiny/seed-0" for results in ("a", "b"))
    assert (a / "weights.safetensors").read_bytes() == (b / "weights.safetensors").read_bytes()
    assert json.loads((a / "environment.json").read_text())["deterministic"] is True
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_run_that_fails_leaves_those_after_it_alone(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(tiny.read_text())
    results = tmp_path / "r"
    (results / "other").mkdir(parents=True)
    (results / "other/seed-0").write_text("a file where the run's folder should be")
    outcome = cli("train", other, tiny, "--results", results, "--device", "cpu")
    assert outcome.code == 1
    assert f"error: {results / 'other/seed-0'}" in outcome.err
    assert "Traceback" not in outcome.err
    assert (results / "tiny/seed-0/summary.json").exists()
