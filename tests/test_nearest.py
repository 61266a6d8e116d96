"""A mistyped path or name is answered with the nearest ones that exist."""

import os
from pathlib import Path

import pytest
from conftest import TINY, Cli
from helpers import assert_mistake_named

from resnet_repro.nearest import did_you_mean, nearest, nearest_paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with specs, and results that have a folder for a run."""
    monkeypatch.chdir(tmp_path)
    for spec in ("experiments/plain56.yaml", "experiments/tenth/plain56.yaml", "experiments/.plain57.yaml"):
        Path(spec).parent.mkdir(parents=True, exist_ok=True)
        Path(spec).write_text(TINY)
    Path("experiments/plain65.txt").touch()
    Path("experiments/child.yaml").write_text("extends: tenht/plain56.yaml\n")
    Path("results/tiny/seed-0").mkdir(parents=True)
    Path("results/tiny/seed-0/spec.yaml").write_text(TINY)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("train", "experiments/plain65.yaml"), "no such file; did you mean experiments/plain56.yaml?"),
        (("train", "experiments/Plain56.YML"), "no such file; did you mean experiments/plain56.yaml?"),
        (("train", "experiments/plain56"), "no such file; did you mean experiments/plain56.yaml?"),
        (("train", "experimets/tenht/plain65.yaml"), "no such file; did you mean experiments/tenth/plain56.yaml?"),
        (("train", "experiments/tenht"), "no such file; did you mean experiments/tenth?"),
        (("train", "experiments/child.yaml"), "plain56.yaml; did you mean experiments/tenth/plain56.yaml?"),
        (("describe", "./experiments/plan56.yaml"), "no such file; did you mean experiments/plain56.yaml?"),
        (("demo", "experiments/tenht"), "no such file; did you mean experiments/tenth?"),
        (("reproduce", "--schedule", "tenth", "--experiments", "experimets"), "did you mean experiments?"),
        (("table", "resluts"), "resluts: there is no such folder; did you mean results?"),
        (("plot", "resluts/tiny"), "resluts/tiny: there is no such folder; did you mean results/tiny?"),
        (("evaluate", "results/tiny/seed-9"), "holds no spec.yaml; did you mean results/tiny/seed-0?"),
    ],
)  # fmt: skip
def test_a_mistyped_path_is_answered_with_the_nearest(
    cli: Cli, folder: Path, arguments: tuple[str, ...], answer: str
) -> None:
    assert_mistake_named(cli(*arguments), 1, answer.replace("/", os.sep))


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("trian",), "No such command 'trian'. Did you mean 'train'?"),
        (("data", "chekc"), "No such command 'chekc'. Did you mean 'check'?"),
        (("train", "x.yaml", "--sedes", "1"), "--seeds"),
    ],
)
def test_a_mistyped_command_or_option_is_answered_with_the_nearest(
    cli: Cli, arguments: tuple[str, ...], answer: str
) -> None:
    assert_mistake_named(cli(*arguments), 2, answer)


@pytest.mark.parametrize("path", ["", ".", "/", "..", "a\0b/c", "x" * 5000, "a/" * 5000, "\udcff/x", "file/x"])
def test_a_path_of_any_kind_can_be_looked_for(folder: Path, path: str) -> None:
    Path("file").touch()
    for found in nearest_paths(Path(path)):
        assert found.is_dir()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="every folder can be read here")
def test_a_folder_that_cannot_be_read_has_no_near_names(folder: Path) -> None:
    Path("results").chmod(0)
    assert nearest_paths(Path("results/tyni")) == []
    Path("results").chmod(0o700)


def test_names_are_offered_the_nearest_first() -> None:
    assert nearest("ResNet65", ["plain56", "resnet20", "resnet56", "tenth"]) == ["resnet56", "resnet20"]
    meant = {0: "", 1: "; did you mean a?", 2: "; did you mean a or b?", 3: "; did you mean a, b or c?"}
    assert {count: did_you_mean("abc"[:count]) for count in range(4)} == meant
