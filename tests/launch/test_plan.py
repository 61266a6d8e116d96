"""--dry-run: the order of the runs, the work left, and an estimate of the time that says how it was measured."""

import re
from pathlib import Path

import pytest
import torch
from conftest import Cli
from helpers import train

from resnet_repro.launch.duration import Rate, measure_rate
from resnet_repro.launch.plan import print_plan
from resnet_repro.launch.slots import Slot
from resnet_repro.launch.tasks import Task, costs_of
from resnet_repro.record.folder import RunFolder
from resnet_repro.spec.file import load_spec


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> float:
    """Fakes the measured speed: so many multiply-adds a second."""
    per_second = 1e5
    measured = Rate(per_second, "3 training steps of ResNet-20")
    monkeypatch.setattr("resnet_repro.launch.plan.measure_rate", lambda slot, like: measured)
    return per_second


def table(out: str) -> dict[str, list[str]]:
    """The cells of each run, by its label."""
    return {cells[0]: cells[1:] for line in out.splitlines() if "seed-" in line and (cells := line.split())}


@pytest.mark.usefixtures("rate")
def test_the_plan_lists_interrupted_runs_then_the_longest_first_and_only_what_is_left(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    deep = tmp_path / "deep.yaml"
    deep.write_text("extends: tiny.yaml\nmodel: {depth: 14}\n")
    results = tmp_path / "r"
    train(load_spec(tiny), results)
    half = RunFolder(results, load_spec(tiny).model_copy(update={"seed": 1}))
    half.path.mkdir(parents=True)
    half.begin({})
    half.checkpoint.touch()
    half.close("interrupted", 12, 1, {}, 1.0)

    shown = cli(
        "train", tiny, deep, "--seeds", "0-2", "--dry-run", "--jobs", 2, "--results", results, "--device", "cpu"
    )
    assert shown.code == 0
    assert "would run 2 side by side (2 on cpu), 1 CPU thread each" in shown.out
    runs = table(shown.out)
    assert list(runs) == ["tiny/seed-1", "deep/seed-0", "deep/seed-1", "deep/seed-2", "tiny/seed-2", "tiny/seed-0"]
    assert [runs[run][0] for run in ("tiny/seed-2", "tiny/seed-1", "tiny/seed-0")] == ["new", "unfinished", "finished"]
    assert [runs[run][2] for run in ("tiny/seed-2", "tiny/seed-1", "tiny/seed-0")] == ["24", "12", "0"]
    hours = {run: float(cells[-1]) for run, cells in runs.items()}
    assert hours["tiny/seed-0"] == 0 < hours["tiny/seed-1"] < hours["tiny/seed-2"] < hours["deep/seed-0"]
    total = float(re.findall(r"time ahead: about ([\d.]+) hours, evaluation included", shown.out)[0])
    assert hours["deep/seed-0"] < total < sum(hours.values())
    assert "an estimate from 3 training steps of ResNet-20" in shown.out


@pytest.mark.usefixtures("rate")
def test_if_the_number_of_runs_is_yet_to_be_measured_the_hours_assume_one_at_a_time(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = load_spec(tiny)
    tasks = [Task(experiment.model_copy(update={"seed": seed}), "new") for seed in range(4)]
    slots = [Slot(f"cuda:{number % 2}", 1, shared=True) for number in range(4)]
    print_plan(tasks, costs_of(tasks), slots, measured=True)
    out = capsys.readouterr().out
    places = "(2 on cuda:0, 2 on cuda:1)"
    assert f"would run as many as train fastest, at most 4 side by side {places}, 1 CPU thread each" in out
    hours = float(table(out)["tiny/seed-0"][-1])
    [ahead] = re.findall(r"time ahead: about ([\d.]+) hours", out)
    assert float(ahead) == pytest.approx(2 * hours, abs=0.011)  # both are rounded
    assert "it leaves out probes and the gain of runs side by side" in out


def test_hours_are_work_divided_by_speed(cli: Cli, tiny: Path, rate: float, tmp_path: Path) -> None:
    shown = cli("train", tiny, "--dry-run", "--results", tmp_path / "r", "--device", "cpu")
    from resnet_repro.describe import describe

    work = describe(load_spec(tiny)).multiply_adds * (3 * 24 * 8 + 3 * (16 + 40))
    assert table(shown.out)["tiny/seed-0"][-1] == f"{work / rate / 3600:.2f}"


def test_nothing_is_measured_if_no_work_is_left(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("train", tiny, "--results", tmp_path / "r", "--device", "cpu")
    monkeypatch.setattr("resnet_repro.launch.plan.measure_rate", lambda *_: pytest.fail("measures"))
    shown = cli("train", tiny, "--dry-run", "--results", tmp_path / "r", "--device", "cpu")
    assert "work ahead: 0.0 x" in shown.out
    assert "time ahead" not in shown.out


def test_measuring_the_speed_restores_the_number_of_threads(tiny: Path) -> None:
    rate = measure_rate(Slot("cpu", 2), load_spec(tiny))
    assert 1e8 < rate.multiply_adds_per_second < 1e14
    assert re.fullmatch(r"\d+ training steps? of ResNet-20 with 8 images on CPU \(.*2 threads\)", rate.measured)
    assert torch.get_num_threads() == 1
