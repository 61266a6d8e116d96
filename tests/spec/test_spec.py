"""The spec's rules: the paper's recipe as defaults, impossible values refused."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from resnet_repro.data import DATASETS
from resnet_repro.errors import SpecError
from resnet_repro.probes import PROBES
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, ProbesSpec, TrainingSpec, default_milestones
from resnet_repro.spec.file import load_spec
from resnet_repro.spec.probes import Probe

SMALL = "data.dataset=synthetic data.train_images=300"

# Overrides of a default experiment, the field that is to blame, and the reason and remedy. Model: tests/models.
REFUSALS = [
    ("seed=-1", "seed", "-1 should be greater than or equal to 0"),
    ("seed=4294967296", "seed", "4294967296 should be less than 4294967296"),
    ("name=../x", "name", "'../x' should be letters, digits"),
    ("training.batch_size=50001", "training.batch_size", "50001 is more than the 50000 training images"),
    (f"{SMALL} training.batch_size=301", "training.batch_size", "301 is more than the 300 training images"),
    (
        f"{SMALL} data.validation_images=200",
        "training.batch_size",
        "128 is more than the 100 training images",
    ),
    (
        "model.batch_norm_splits=3",
        "model.batch_norm_splits",
        "3 does not divide training.batch_size: 128",
    ),
    (
        "model.batch_norm_splits=256",
        "model.batch_norm_splits",
        "256 does not divide training.batch_size: 128",
    ),
    (
        "probes.measure=[dead_units] probes.images=50001",
        "probes.images",
        "50001 is more than the 50000 training images",
    ),
    (
        f"{SMALL} data.validation_images=100 probes.measure=[dead_units]",
        "probes.images",
        "256 is more than the 200 training images",
    ),
    ("probes.measure=[dead]", "probes.measure.0", "'dead' should be 'layer_response', 'gradient_norm'"),
    ("probes.images=0", "probes.images", "0 should be greater than 0"),
    ("probes.unit=-1", "probes.unit", "-1 should be greater than or equal to 0"),
    ("probes.layer=stage1.0.after.act1", "probes.layer", "says where input_percentiles looks; add that"),
    ("probes.unit=3 probes.measure=dead_units", "probes.unit", "says where input_percentiles looks; add that"),
    ("probes.every=0", "probes.every", "0 should be a number of steps, 1 or more, or 'epoch'"),
    (
        "data.train_images=1000",
        "data.train_images",
        "CIFAR-10 has 50000; only 'dataset: synthetic' takes another number",
    ),
    (
        "data.test_images=1000",
        "data.test_images",
        "CIFAR-10 has 10000; only 'dataset: synthetic' takes another number",
    ),
    ("data.validation_images=50000", "data.validation_images", "50000 leave none of the 50000 training images"),
    (f"{SMALL} data.validation_images=300", "data.validation_images", "300 leave none of the 300 training images"),
    ("data.validation_images=-1", "data.validation_images", "-1 should be greater than or equal to 0"),
    ("data.dataset=cifar100", "data.dataset", "'cifar100' should be 'cifar10' or 'synthetic'"),
    ("data.augmentation=flip", "data.augmentation", "'flip' should be 'crop_flip' or 'none'"),
    ("data.dataset=synthetic data.train_images=0", "data.train_images", "0 should be greater than 0"),
    ("training.steps=-5", "training.steps", "-5 should be greater than 0"),
    ("training.weight_decay_on=bias", "training.weight_decay_on", "'bias' should be 'all' or 'weights'"),
]

ACCEPTED = [
    "training.batch_size=50000",
    f"{SMALL} training.batch_size=300",
    f"{SMALL} data.validation_images=172",
    "data.validation_images=5000 training.batch_size=45000",
    "model.batch_norm_splits=2",
    "model.batch_norm_splits=128",
    f"{SMALL} probes.images=500",
    f"{SMALL} probes.images=300 probes.measure=[dead_units]",
    "probes.measure=[input_percentiles] probes.unit=3 probes.layer=stage1.0.after.act1",
    "seed=4294967295",
]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text("model:\n  depth: 20\n")
    return path


@pytest.mark.parametrize(("overrides", "field", "reason"), REFUSALS)
def test_a_wrong_choice_is_refused_in_one_line_with_field_and_reason(
    spec: Path, overrides: str, field: str, reason: str
) -> None:
    with pytest.raises(SpecError) as refused:
        load_spec(spec, overrides.split())
    line = str(refused.value)
    assert f": {field}: {reason}" in line
    assert "\n" not in line
    assert "more)" not in line


@pytest.mark.parametrize("overrides", ACCEPTED)
def test_what_just_fits_is_accepted(spec: Path, overrides: str) -> None:
    load_spec(spec, overrides.split())


def test_a_refusal_says_where_the_field_was_set(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("model:\n  depth: 20\n  batch_norm_splits: 3\ntraining:\n  batch_size: 128\n")
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    assert str(refused.value).startswith(f"{path}:3: model.batch_norm_splits: 3 does not divide")
    with pytest.raises(SpecError) as refused:
        load_spec(path, ["model.batch_norm_splits=7"])
    assert str(refused.value).startswith("--set model.batch_norm_splits=7: model.batch_norm_splits: 7 does not divide")


def test_the_spec_measures_exactly_what_there_are_probes_for() -> None:
    assert set(get_args(Probe)) == set(PROBES) | {"gradient_norm", "weight_scale"}
    assert ProbesSpec(measure=get_args(Probe)).measure == get_args(Probe)
    assert ProbesSpec().measure == ()


def test_the_spec_allows_exactly_the_data_sets_there_are() -> None:
    assert set(get_args(DataSpec.model_fields["dataset"].annotation)) == set(DATASETS)


def test_defaults_are_the_papers_recipe() -> None:
    training, data = TrainingSpec(), DataSpec()
    assert (training.steps, training.batch_size, training.milestones) == (64_000, 128, (32_000, 48_000))
    assert (training.learning_rate, training.gamma, training.momentum) == (0.1, 0.1, 0.9)
    assert (training.weight_decay, training.warmup, training.nesterov) == (1e-4, None, False)
    assert training.weight_decay_on == "all"
    assert (data.dataset, data.augmentation, data.epoch_images) == ("cifar10", "crop_flip", 50_000)


@given(steps=st.integers(1, 200_000))
def test_default_milestones_lie_inside_every_schedule(steps: int) -> None:
    milestones = default_milestones(steps)
    assert TrainingSpec(steps=steps).milestones == milestones
    assert all(0 < milestone < steps for milestone in milestones)


def test_milestones_of_the_paper_are_its_half_and_three_quarters() -> None:
    assert default_milestones(64_000) == (32_000, 48_000)
    assert default_milestones(6_400) == (3_200, 4_800)


@pytest.mark.parametrize("name", ["a", "quick/plain20", "a.b_c-d+e/1"])
def test_names_are_places_inside_the_results_folder(name: str) -> None:
    assert Experiment(name=name, model=ModelSpec(depth=20)).name == name


@pytest.mark.parametrize("name", ["", "..", "../x", "/x", "a//b", "a/", "a/../b", ".hidden", "a\\b", "a b", "x" * 200])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        Experiment(name=name, model=ModelSpec(depth=20))


def test_an_epoch_is_the_number_of_steps_that_covers_the_training_set() -> None:
    experiment = Experiment(name="x", model=ModelSpec(depth=20))
    assert experiment.steps_of("epoch") == 391
    assert experiment.steps_of(100) == 100


def test_images_held_out_are_no_part_of_an_epoch() -> None:
    experiment = Experiment(name="x", model=ModelSpec(depth=20), data=DataSpec(validation_images=5_000))
    assert experiment.data.epoch_images == 45_000
    assert experiment.steps_of("epoch") == 352


@settings(max_examples=30)
@given(field=st.sampled_from(sorted(TrainingSpec.model_fields)), value=st.sampled_from([True, "1", [1.5], {}, -1, 0]))
def test_wrong_types_and_ranges_are_refused(field: str, value: object) -> None:
    if (field, repr(value)) in {("nesterov", "True"), ("recompute", "True"), ("momentum", "0"), ("weight_decay", "0")}:
        return
    with pytest.raises(ValidationError):
        TrainingSpec.model_validate({field: value})
