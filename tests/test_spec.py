"""The spec's rules: the paper's recipe as defaults, impossible values refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from resnet_repro.spec import Experiment, ModelSpec, TrainingSpec, default_milestones


def test_defaults_are_the_papers_recipe() -> None:
    training = TrainingSpec()
    assert (training.steps, training.batch_size, training.milestones) == (64_000, 128, (32_000, 48_000))
    assert (training.learning_rate, training.gamma, training.momentum) == (0.1, 0.1, 0.9)
    assert (training.weight_decay, training.warmup, training.nesterov) == (1e-4, None, False)


@given(depth=st.integers(-50, 3000))
def test_depth_is_6n_plus_2_or_refused_with_the_nearest(depth: int) -> None:
    if depth >= 8 and (depth - 2) % 6 == 0:
        assert ModelSpec(depth=depth).depth == depth
        return
    with pytest.raises(ValidationError) as refused:
        ModelSpec(depth=depth)
    if depth > 8:
        words = refused.value.errors()[0]["msg"].split()
        below, above = int(words[-3]), int(words[-1])
        assert below < depth < above
        assert below % 6 == above % 6 == 2


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


@settings(max_examples=30)
@given(field=st.sampled_from(sorted(TrainingSpec.model_fields)), value=st.sampled_from([True, "1", [1.5], {}, -1, 0]))
def test_wrong_types_and_ranges_are_refused(field: str, value: object) -> None:
    allowed = {("nesterov", True), ("momentum", 0), ("weight_decay", 0)}
    if isinstance(value, (bool, int)) and (field, value) in allowed and (value is True) == (field == "nesterov"):
        return
    with pytest.raises(ValidationError):
        TrainingSpec.model_validate({field: value})
