"""The reproduction trains every net of the papers, the most important first, and can be called again."""

from pathlib import Path

import pytest
from conftest import REPOSITORY, Cli

from resnet_repro.launch import reproduce
from resnet_repro.launch.reproduce import SCHEDULES, Tier, load_tiers
from resnet_repro.launch.tasks import Task, longest_first
from resnet_repro.papers import NETS
from resnet_repro.spec.file import load_spec

EXPERIMENTS = REPOSITORY / "experiments"


def test_full_has_every_net_of_the_papers_and_tenth_every_spec_of_its_folders() -> None:
    full = {spec for tier in SCHEDULES["full"] for spec in tier.specs}
    assert full >= {net for net in NETS if not net.startswith("batchnorm/")}
    tenth = {spec for tier in SCHEDULES["tenth"] for spec in tier.specs}
    assert tenth == {
        f"{folder}/{path.stem}"
        for folder in ("tenth", "tenth-nobn", "warmup")
        for path in (EXPERIMENTS / folder).glob("*.yaml")
    }


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_spec_exists_and_no_run_is_listed_twice(schedule: str) -> None:
    runs = [experiment.label for tier in load_tiers(schedule, EXPERIMENTS) for experiment in tier]
    assert len(runs) == len(set(runs))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_plain_and_residual_20_and_56_come_first(schedule: str) -> None:
    first = load_tiers(schedule, EXPERIMENTS)[0]
    assert {(experiment.model.shortcut, experiment.model.depth) for experiment in first} == {
        (shortcut, depth) for shortcut in ("none", "identity") for depth in (20, 56)
    }


def test_within_a_tier_the_longest_comes_first() -> None:
    small, large = (load_spec(EXPERIMENTS / f"plain{depth}.yaml") for depth in (20, 56))
    first = small.model_copy(update={"seed": 1})
    tasks = [Task(small, "new", tier=1), Task(large, "new", tier=1), Task(first, "new", tier=0)]
    ordered = longest_first(tasks, {small.model: 1, large.model: 2})
    assert [(task.tier, task.experiment.model.depth) for task in ordered] == [(0, 20), (1, 56), (1, 20)]


def test_it_trains_the_missing_runs_and_says_when_none_is_missing(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "second.yaml").write_text("extends: tiny.yaml\n")
    monkeypatch.setitem(reproduce.SCHEDULES, "tenth", (Tier(("second",)), Tier(("tiny",), (0, 1))))
    arguments = ("reproduce", "--experiments", tmp_path, "--device", "cpu", "--jobs", 1, "--results", tmp_path / "r")
    outcome = cli(*arguments)
    assert outcome.code == 0
    assert outcome.err.startswith("note: the tenth schedule, which suits the device; choose another with --schedule")
    labels = ("second/seed-0", "tiny/seed-0", "tiny/seed-1")
    starts = [outcome.err.index(f"{label}: starts") for label in labels]
    assert starts == sorted(starts)
    again = cli(*arguments)
    assert (again.code, again.out) == (0, "")
    missing = f"note: nothing is missing: {tmp_path / 'r'} holds all 3 runs of the tenth schedule"
    assert again.err.splitlines()[-1] == missing


def test_an_unknown_schedule_is_wrong_usage(cli: Cli) -> None:
    outcome = cli("reproduce", "--schedule", "half")
    assert outcome.code == 2
    assert "half should be auto, full or tenth" in outcome.err


def test_a_missing_spec_is_named(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("reproduce", "--schedule", "full", "--experiments", tmp_path)
    assert outcome.code == 1
    assert f"{tmp_path / 'plain20.yaml'}: there is no such file" in outcome.err
