"""Mistakes: a command refuses each in one clear line, and nothing on disk is lost."""

from pathlib import Path

import pytest
from conftest import TINY, Cli
from helpers import assert_mistake_named, train

from resnet_repro.record.folder import RunFolder
from resnet_repro.spec.file import load_spec


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("train", "nowhere.yaml"), 1, "nowhere.yaml: there is no such file"),
        (("train", "."), 1, "holds no .yaml file"),
        (("train", "tiny.yaml", "--seeds", "3-1"), 2, "should rise"),
        (("train", "tiny.yaml", "--seeds", "0,5-3"), 2, "5-3 should rise"),
        (("train", "tiny.yaml", "--seeds", "a"), 2, "should be like 0-4"),
        (("train", "tiny.yaml", "--seed", "-1"), 2, "should be like 0-4"),
        (("train", "tiny.yaml", "--seed", "1", "--seeds", "2"), 2, "not both"),
        (("train", "tiny.yaml", "--on", "slurm"), 2, "should be ray, or ray=HOST:PORT"),
        (("train", "tiny.yaml", "--on", "ray=host"), 2, "should be ray, or ray=HOST:PORT"),
        (("train", "tiny.yaml", "--device", "gpu"), 1, "--device gpu: is not a device"),
        (("train", "tiny.yaml", "--set", "training.steps=0"), 1, "training.steps: 0 should be greater than 0"),
        (("train", "tiny.yaml", "tiny.yaml", "copy/tiny.yaml"), 1, "is that of tiny.yaml too"),
        (("train", "tiny.yaml", "copy/tiny.yaml", "--name", "x"), 1, "--name x: names one spec, and these are 2"),
        (("train", "tiny.yaml", "--name", "a b"), 1, "--name a b: name: 'a b' should be letters"),
        (("train", "tiny.yaml", "--vary", "training.stepz=3"), 1, "training.stepz: unknown key; did you mean steps?"),
        (("train", "tiny.yaml", "--set", "data.dataset=cifar10", "--set", "data.train_images=50000",
          "--set", "data.test_images=10000", "--data-dir", "no-data"), 1, "no-data: there is no CIFAR-10 here"),
        (("train", "tiny.yaml", "--results", "tiny.yaml"), 1, "--results tiny.yaml: is not a folder"),
        (("train", "tiny.yaml", "--results", "tiny.yaml", "--dry-run"), 1, "--results tiny.yaml: is not a folder"),
        (("train", "tiny.yaml", "--results", "/dev/null/r", "--jobs", "2"), 1, "choose another --results"),
        (("claims", "tiny.yaml"), 1, "tiny.yaml: is not a folder; name one that holds run folders"),
        (("reproduce", "--schedule", "tenth", "--experiments", "no"), 1, "name the one that holds the specs"),
        (("train",), 2, "Missing argument"),
        (("plot", "nowhere"), 1, "nowhere: there is no such folder"),
        (("plot", "copy"), 1, "copy: there is no run"),
        (("list", "nowhere"), 1, "nowhere: there is no such folder"),
        (("table", "nowhere"), 1, "nowhere: there is no such folder"),
        (("log", "copy", "--to", "foo"), 2, "Invalid value for '--to': foo should be tensorboard or wandb"),
        (("plot", "copy", "--style", "a"), 2, "Invalid value for '--style': a should be web, paper or slides"),
        (("describe", "nowhere.yaml"), 1, "nowhere.yaml: there is no such file"),
        (("data", "check", "--data-dir", "copy"), 1, "copy: there is no CIFAR-10 here"),
        (("fly",), 2, "No such command"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(
    cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, fragment: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("empty").mkdir()
    Path("copy").mkdir()
    Path("copy/tiny.yaml").write_text(TINY)
    if arguments[1:] == (".",):
        monkeypatch.chdir("empty")
    assert_mistake_named(cli(*arguments), code, fragment)


def test_a_spec_that_differs_from_its_run_folder_is_refused_and_nothing_is_lost(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    results = tmp_path / "r"
    cli("train", tiny, "--results", results)
    before = {path: path.read_bytes() for path in (results / "tiny/seed-0").iterdir()}
    refused = cli("train", tiny, "--results", results, "--set", "training.learning_rate=0.5")
    assert refused.code == 1
    assert "spec.yaml: holds a run of another spec (training.learning_rate: 0.5 against 0.05)" in refused.err
    assert "with --vary training.learning_rate=0.5 (in place of --set) or --name NAME" in refused.err
    assert {path: path.read_bytes() for path in (results / "tiny/seed-0").iterdir()} == before
    planned = cli("train", tiny, "--results", results, "--vary", "training.learning_rate=0.5", "--dry-run").out
    assert "tiny-learning_rate-0.5/seed-0  new" in planned
    assert "mine/seed-0  new" in cli("train", tiny, "--results", results, "--name", "mine", "--dry-run").out


def test_a_damaged_checkpoint_is_refused_and_kept(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r", load_spec(tiny))
    folder.path.mkdir(parents=True)
    folder.begin({})
    folder.checkpoint.write_bytes(b"PK not a checkpoint")
    refused = cli("train", tiny, "--results", tmp_path / "r")
    assert refused.code == 1
    assert "checkpoint.pt: the checkpoint is damaged" in refused.err
    assert "--restart" in refused.err
    assert folder.checkpoint.read_bytes() == b"PK not a checkpoint"


def test_a_mistake_in_one_spec_is_reported_before_any_training(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(TINY.replace("depth: 8", "depth: 9"))
    refused = cli("train", tiny, wrong, "--results", tmp_path / "r")
    assert refused.code == 1
    assert refused.err.startswith(f"error: {wrong}:3: model.depth: 9 is not 6n+2; nearest are 8 and 14")
    assert not (tmp_path / "r").exists()


def test_a_damaged_run_is_named_by_every_reader(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    train(load_spec(tiny), tmp_path / "r")
    (tmp_path / "r/tiny/seed-0/metrics.csv").write_text("nonsense")
    for command, code in (("plot", 1), ("list", 0), ("table", 1)):
        outcome = cli(command, tmp_path / "r")
        assert outcome.code == code
        assert "seed-0/metrics.csv:1: the columns should be" in outcome.out + outcome.err
