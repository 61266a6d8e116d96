"""The committed specs: every one loads and builds, says where it comes from, and differs only where it should."""

import re
from itertools import takewhile
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY

from resnet_repro.models.units import UNITS
from resnet_repro.runner.assembly import build_net
from resnet_repro.spec import ModelSpec, TrainingSpec
from resnet_repro.spec.carried import heading, suites
from resnet_repro.spec.file import differences, load_spec
from resnet_repro.spec.naming import is_papers_net
from resnet_repro.training.engine import Engine

EXPERIMENTS = REPOSITORY / "experiments"
SPECS = sorted(EXPERIMENTS.rglob("*.yaml"))
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}

# Pairs that differ in nothing but the shortcut; experiments/batchnorm gives each net a rate of its own, and a net that
# has grown has a source of its own kind.
PLAIN = [
    path
    for path in SPECS
    if path.name.startswith("plain") and path.parent.name != "batchnorm" and "grown" not in path.name
]


def identity(path: Path) -> str:
    return str(path.relative_to(EXPERIMENTS))


@pytest.mark.parametrize("path", SPECS, ids=identity)
def test_every_spec_builds_and_takes_a_training_step(path: Path) -> None:
    experiment = load_spec(path)
    training = experiment.training
    engine = Engine(
        build_net(experiment), torch.device("cpu"), "fp32", training.momentum, training.nesterov, training.weight_decay
    )
    before = [parameter.detach().clone() for parameter in engine.net.parameters()]
    random = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 8, 8, generator=random)  # small, for speed; the nets take any size
    labels = torch.randint(0, 10, (4,), generator=random)
    rate = training.warmup.learning_rate if training.warmup else training.learning_rate
    outcome = engine.train_step(images, labels, rate)
    assert outcome.loss.isfinite()
    after = list(engine.net.parameters())
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert all(parameter.grad is not None for parameter in after)
    if is_papers_net(experiment.model):
        assert sum(parameter.numel() for parameter in after) == PARAMETERS[experiment.model.depth]


@pytest.mark.parametrize("path", SPECS, ids=identity)
def test_every_spec_opens_with_its_source_its_command_and_what_to_expect(path: Path) -> None:
    comment = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = "\n".join(comment)
    assert path.read_text().startswith("#")
    assert re.search(r"He et al\. 201[56]|Ioffe and Szegedy 2015|Zhang et al\. 2019", text)
    assert "#   resnet-repro train experiments/" in text
    what, expected = heading(path)
    assert what in " ".join(line.removeprefix("# ") for line in comment)
    assert re.fullmatch(r"Expect .*\.", expected)


def test_the_readme_of_the_experiments_has_a_row_for_each_suite() -> None:
    assert set(suites()) == {str(path.parent.relative_to(EXPERIMENTS)).strip(".") for path in SPECS}


def test_every_spec_names_its_schema_for_editors_after_what_it_says_to_people() -> None:
    for path in SPECS:
        comment = list(takewhile(lambda line: line.startswith("#"), path.read_text().splitlines()))
        [place] = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", path.read_text(), flags=re.MULTILINE)
        assert comment[-1].endswith(place)
        assert (path.parent / place).resolve() == (EXPERIMENTS / "schema.json").resolve()


@pytest.mark.parametrize("plain", PLAIN, ids=identity)
def test_plain_and_residual_differ_in_the_shortcut_alone(plain: Path) -> None:
    residual = plain.with_name(plain.name.replace("plain", "resnet"))
    differing = differences(load_spec(plain), load_spec(residual))
    assert [line.split(":")[0] for line in differing] == ["name", "model.shortcut"]
    assert differing[1] == "model.shortcut: none against identity"


def test_the_grown_nets_differ_in_the_shortcut_and_in_the_net_of_their_kind_from_which_they_start() -> None:
    plain, residual = (load_spec(EXPERIMENTS / f"construction/{kind}56-grown.yaml") for kind in ("plain", "resnet"))
    assert [line.split(":")[0] for line in differences(plain, residual)] == ["name", "model.shortcut", "start.run"]
    for grown, scratch in ((plain, "plain56"), (residual, "resnet56")):
        source, whole = (load_spec(EXPERIMENTS / f"{name}.yaml") for name in (
            grown.start.run if grown.start else "", f"construction/{scratch}"))  # fmt: skip
        assert grown.training == source.training
        assert grown.model == whole.model
        assert grown.training.steps + source.training.steps == whole.training.steps


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


def test_every_row_of_the_tables_of_identity_mappings_is_there() -> None:
    """[I] Tables 1, 2 and 3, CIFAR-10: every unit at 110 and 164 layers, every shortcut, and every depth."""
    experiments = [load_spec(path) for path in (EXPERIMENTS / "identity_mappings").glob("*.yaml")]
    models = [experiment.model for experiment in experiments]

    def is_there(**fields: object) -> bool:
        return ModelSpec.model_validate({"depth": 110, **fields}) in models

    for unit in UNITS:
        assert is_there(unit=unit)
        assert is_there(unit=unit, depth=164, block="bottleneck")
    for scales in ((0.0, 1.0), (0.5, 1.0), (0.5, 0.5)):
        assert is_there(shortcut="scaled", shortcut_scale=scales[0], branch_scale=scales[1])
    assert all(is_there(shortcut="exclusive_gate", gate_bias=-float(bias)) for bias in range(8))
    assert all(is_there(shortcut="shortcut_only_gate", gate_bias=bias) for bias in (0.0, -6.0))
    assert is_there(shortcut="conv1x1")
    assert is_there(shortcut="dropout", shortcut_dropout=0.5)
    for unit in ("original", "full_preactivation"):
        assert is_there(unit=unit, block="single_layer")
        assert is_there(unit=unit, depth=1001, block="bottleneck")
    usual = TrainingSpec.model_validate({"warmup": {"learning_rate": 0.01, "steps": 400}})
    for experiment in experiments:
        halved = experiment.name.endswith("batch64")
        epochs: dict[str, object] = {"batch_size": 64, "steps": 200 * 782, "milestones": (80 * 782, 121 * 782)}
        assert experiment.training == (usual.model_copy(update=epochs) if halved else usual)
        assert experiment.data.dataset == "cifar10"


def test_the_diagnosis_specs_differ_in_the_net_alone() -> None:
    first = load_spec(EXPERIMENTS / "diagnosis/plain20.yaml")
    for path in (EXPERIMENTS / "diagnosis").glob("*.yaml"):
        other = load_spec(path)
        assert (other.training, other.probes) == (first.training, first.probes)
        assert other.model == ModelSpec(depth=other.model.depth, shortcut=other.model.shortcut)
