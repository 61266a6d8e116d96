"""The committed specs: every one loads and builds, says where it comes from, and differs only where it should."""

from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY

from resnet_repro.models.network import Network
from resnet_repro.spec import TrainingSpec
from resnet_repro.spec_file import differences, load_spec

EXPERIMENTS = REPOSITORY / "experiments"
SPECS = sorted(EXPERIMENTS.rglob("*.yaml"))
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}


def identity(path: Path) -> str:
    return str(path.relative_to(EXPERIMENTS))


@pytest.mark.parametrize("path", SPECS, ids=identity)
def test_every_spec_builds(path: Path) -> None:
    experiment = load_spec(path)
    with torch.device("meta"):
        net = Network(**experiment.model.model_dump(exclude={"initialization"}))
    if experiment.model.normalization == "batch":
        assert sum(parameter.numel() for parameter in net.parameters()) == PARAMETERS[experiment.model.depth]


@pytest.mark.parametrize("path", SPECS, ids=identity)
def test_every_spec_opens_with_its_source_its_command_and_what_to_expect(path: Path) -> None:
    comment = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = "\n".join(comment)
    assert path.read_text().startswith("#")
    assert "He et al." in text
    assert "#   resnet-repro train experiments/" in text
    assert "Expect" in text


@pytest.mark.parametrize("plain", [path for path in SPECS if path.name.startswith("plain")], ids=identity)
def test_plain_and_residual_differ_in_the_shortcut_alone(plain: Path) -> None:
    residual = plain.with_name(plain.name.replace("plain", "resnet"))
    differing = differences(load_spec(plain), load_spec(residual))
    assert [line.split(":")[0] for line in differing] == ["name", "model.shortcut"]
    assert differing[1] == "model.shortcut: none against identity"


def test_names_are_unique_and_follow_the_folders() -> None:
    for path in SPECS:
        assert load_spec(path).name == identity(path).removesuffix(".yaml")


def test_the_papers_nets_are_there_with_the_papers_schedule() -> None:
    for name in [f"{kind}{depth}" for kind in ("plain", "resnet") for depth in (20, 32, 44, 56, 110)] + ["resnet1202"]:
        experiment = load_spec(EXPERIMENTS / f"{name}.yaml")
        assert experiment.model.shortcut == ("none" if name.startswith("plain") else "identity")
        usual = TrainingSpec(warmup=experiment.training.warmup)
        assert experiment.training == usual
        assert (experiment.training.warmup is not None) == (experiment.model.depth >= 110)


def test_the_specs_without_bn_differ_from_their_twins_in_that_and_in_how_they_start() -> None:
    assert len(list(EXPERIMENTS.glob("*-nobn.yaml"))) == 6
    for path in EXPERIMENTS.glob("*-nobn.yaml"):
        twin = path.with_name(path.name.replace("-nobn", ""))
        fields = {line.split(":")[0] for line in differences(load_spec(path), load_spec(twin))}
        assert fields <= {
            "name",
            "model.normalization",
            "model.initialization",
            "training.learning_rate",
            "training.warmup",
        } | {f"training.warmup.{field}" for field in ("learning_rate", "steps", "until_train_error_pct")}
        assert "model.normalization" in fields
