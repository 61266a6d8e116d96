"""Whole runs with probes: the same result as without, the same file if interrupted, and only finite values."""

import csv
import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from conftest import Cli
from helpers import DieAt, StopAt, train
from safetensors.torch import load_file

from resnet_repro.data.synthetic import load_synthetic
from resnet_repro.errors import SpecError
from resnet_repro.record.run import Run, read_run
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.runner.train import Watcher
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec

CPU = torch.device("cpu")
MEASURE = "probes.measure=[layer_response,gradient_norm,input_percentiles,dead_units,branch_to_shortcut]"
SHORT = ["training.steps=12", "model.shortcut=identity", "training.evaluate_every=6"]
PROBED = [*SHORT, MEASURE, "probes.every=5", "probes.images=20"]


def trained(
    experiment: Experiment, results: Path, watcher: Watcher | None = None, checkpoint_seconds: float = 1000.0
) -> Run:
    train(experiment, results, watcher, checkpoint_seconds)
    return read_run(results / experiment.label)


@pytest.mark.parametrize("extra", [[], ["model.dropout=0.3"], ["model.shortcut=dropout", "model.shortcut_dropout=0.5"]])
def test_a_run_with_probes_has_the_result_of_one_without(tiny: Path, tmp_path: Path, extra: list[str]) -> None:
    with_probes = trained(load_spec(tiny, [*PROBED, "probes.every=1", *extra]), tmp_path / "with")
    without = trained(load_spec(tiny, [*SHORT, *extra]), tmp_path / "without")
    timing = {"images_per_second", "elapsed_seconds"}
    ours, theirs = (
        [{name: value for name, value in asdict(row).items() if name not in timing} for row in run.rows]
        for run in (with_probes, without)
    )
    assert ours == theirs
    assert [row["step"] for row in ours] == [4, 6, 8, 12]
    weights, expected = (load_file(run.path / "weights.safetensors") for run in (with_probes, without))
    assert weights.keys() == expected.keys()
    assert [name for name in weights if not torch.equal(weights[name], expected[name])] == []
    assert len({row.step for row in with_probes.probes}) == 12
    assert not (without.path / "probes.csv").exists()
    assert without.probes == ()


def test_probes_are_read_after_the_first_step_every_few_and_the_last(tiny: Path, tmp_path: Path) -> None:
    run = trained(load_spec(tiny, PROBED), tmp_path)
    counts = Counter(row.step for row in run.probes)
    assert list(counts) == [1, 5, 10, 12]
    # 7 convolutions, 8 gradients, 3 percentiles, 7 activations, 3 additions
    assert set(counts.values()) == {7 + 8 + 3 + 7 + 3}
    assert sorted(path.name for path in run.path.iterdir()) == [
        "environment.json", "metrics.csv", "probes.csv", "spec.yaml", "summary.json", "weights.safetensors",
    ]  # fmt: skip
    with (run.path / "probes.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["step", "probe", "layer", "name", "value"]
    assert [tuple(line) for line in lines[1:]] == [
        (str(row.step), row.probe, row.layer, row.name, str(row.value)) for row in run.probes
    ]


def test_an_epoch_is_a_cadence_too(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(
        tiny, [*SHORT, "training.steps=24", "probes.measure=dead_units", "probes.every=epoch", "probes.images=20"]
    )
    assert sorted({row.step for row in trained(experiment, tmp_path).probes}) == [1, 10, 20, 24]  # 80 images by 8


def test_what_is_found_in_the_end_is_found_in_the_trained_net(tiny: Path, tmp_path: Path) -> None:
    experiment = load_spec(tiny, [*PROBED, "probes.images=20"])
    run = trained(experiment, tmp_path)
    dataset = load_synthetic(Path(), 80, 40)
    trainer = build_trainer(experiment, dataset, CPU)
    trainer.engine.net.load_state_dict(load_file(run.path / "weights.safetensors"))
    pixels = torch.from_numpy(dataset.train.images).float()
    centred = pixels - pixels.mean(dim=0)
    images = (centred / centred.square().mean().sqrt())[:20].permute(0, 3, 1, 2)  # unaugmented, normalised by all 80
    net = trainer.engine.net.train()
    x = net.stem(images)
    ratio = (net.stage1[0].branch(x).norm() / x.norm()).item()
    first_map = net.stage3[0].branch[:2](net.stage2(net.stage1(x)))[:, 0]
    found = {(row.layer, row.name): row.value for row in run.probes if row.step == 12}
    assert found["stage1.0", "ratio"] == pytest.approx(ratio, rel=1e-4)
    assert found["stage3.0.branch.act1", "p15"] == pytest.approx(first_map.quantile(0.15).item(), rel=1e-3)


@pytest.mark.parametrize("step", [1, 4, 5, 11])
def test_an_interrupted_run_finds_what_an_uninterrupted_one_finds(tiny: Path, tmp_path: Path, step: int) -> None:
    experiment = load_spec(tiny, PROBED)
    whole = trained(experiment, tmp_path / "whole")
    stopped = trained(experiment, tmp_path / "parts", StopAt(step))
    assert stopped.status == "interrupted"
    assert {row.step for row in stopped.probes} == {due for due in (1, 5, 10, 12) if due <= step}
    resumed = trained(experiment, tmp_path / "parts")
    assert resumed.status == "finished"
    assert (resumed.path / "probes.csv").read_bytes() == (whole.path / "probes.csv").read_bytes()
    keys = [(row.step, row.probe, row.layer, row.name) for row in resumed.probes]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("step", [5, 6, 10])
def test_a_killed_run_measures_again_what_its_checkpoint_has_not_seen(tiny: Path, tmp_path: Path, step: int) -> None:
    experiment = load_spec(tiny, PROBED)
    whole = trained(experiment, tmp_path / "whole")
    with pytest.raises(MemoryError):
        trained(experiment, tmp_path / "parts", DieAt(step), checkpoint_seconds=0.0)
    with pytest.raises(MemoryError):
        trained(experiment, tmp_path / "parts", DieAt(11))  # beyond the checkpoint
    assert 10 in {row.step for row in read_run(tmp_path / "parts/tiny/seed-0").probes}
    resumed = trained(experiment, tmp_path / "parts")
    assert (resumed.path / "probes.csv").read_bytes() == (whole.path / "probes.csv").read_bytes()


DIVERGING = ["training.learning_rate=1e30", "model.normalization=none", "probes.every=1"]


@pytest.mark.parametrize("shortcut", ["none", "identity"])
def test_a_diverging_run_holds_finite_values_alone(tiny: Path, tmp_path: Path, shortcut: str) -> None:
    run = trained(load_spec(tiny, [*PROBED, *DIVERGING, f"model.shortcut={shortcut}"]), tmp_path)
    assert run.status == "diverged"
    assert all(math.isfinite(row.value) for row in run.probes)
    assert {row.probe for row in run.probes if row.step == 1} >= {"gradient_norm", "dead_units"}


def test_nothing_is_said_of_steps_after_the_divergence(tiny: Path, tmp_path: Path) -> None:
    run = trained(load_spec(tiny, [*PROBED, *DIVERGING, "training.record_every=12"]), tmp_path)  # noticed late
    assert run.status == "diverged"
    assert run.final is not None
    assert run.final.step < 5
    assert {row.step for row in run.probes} == set(range(1, run.final.step + 1))


def test_restart_leaves_no_measurement_behind(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    arguments = ["train", tiny, "--results", tmp_path, "--device", "cpu", *sets(SHORT)]
    folder = tmp_path / "tiny/seed-0"
    assert cli(*arguments, *sets(PROBED)).code == 0
    assert (folder / "probes.csv").exists()
    assert cli(*arguments, "--restart").code == 0
    assert not (folder / "probes.csv").exists()
    assert read_run(folder).status == "finished"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("probes.layer=stage1.0.branch.act9", "probes.layer: 'stage1.0.branch.act9' is not an activation of this net"),
        ("probes.unit=99", "probes.unit: 99 is past the 16 maps of stage3.0.branch.act1, counted from 0"),
    ],
)
def test_a_place_that_the_net_has_not_is_one_line(
    cli: Cli, tiny: Path, tmp_path: Path, wrong: str, reason: str
) -> None:
    outcome = cli("train", tiny, "--results", tmp_path, "--device", "cpu", *sets([*PROBED, wrong]))
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(f"error: {reason}")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("wrong", ["probes.layer=stage1.0.branch.act9", "probes.unit=99"])
def test_a_place_that_the_net_has_not_costs_no_earlier_run(tiny: Path, tmp_path: Path, wrong: str) -> None:
    run = trained(load_spec(tiny, SHORT), tmp_path)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(SpecError):
        train(load_spec(tiny, [*PROBED, wrong]), tmp_path, restart=True)
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_more_rows_than_can_be_read_again_are_refused_before_anything_is_written(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    overrides = ["training.steps=100000", "probes.measure=[layer_response,gradient_norm]", "probes.every=1",
                 "probes.images=16"]  # fmt: skip
    refused = cli("train", tiny, "--results", tmp_path / "r", "--device", "cpu", *sets(overrides))
    assert refused.code == 1
    assert refused.err == (
        "error: probes.every: 1 makes 1,500,030 rows in 100,000 steps, and only 1,000,000 can be read; measure "
        "every 2 steps, or fewer things\n"
    )
    assert not (tmp_path / "r/tiny/seed-0/spec.yaml").exists()


def test_more_images_than_the_training_set_has_are_refused(tiny: Path) -> None:
    with pytest.raises(SpecError, match=r"probes\.images: 81 is more than the 80 training images"):
        load_spec(tiny, [*PROBED, "probes.images=81"])
    load_spec(tiny, [*PROBED, "probes.images=80"])


def sets(overrides: list[str]) -> list[str]:
    return [part for override in overrides for part in ("--set", override)]
