"""Varied experiments: what they are called, which values they have, and how a mistake in one is answered."""

from pathlib import Path
from typing import Any

import pytest

from resnet_repro.errors import SpecError
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec
from resnet_repro.spec.overriding import parse_varied
from resnet_repro.spec.suite import load_suite
from resnet_repro.spec.variation import short_names, vary

SCALED = ("model.shortcut=scaled", "model.branch_scale=1")
PROBED = ("probes.measure=input_percentiles", "probes.images=16")


def varied(spec: Path, *options: str, overrides: tuple[str, ...] = ()) -> list[Experiment]:
    """The experiments of `train SPEC --vary ...`."""
    return load_suite([spec], overrides, None, parse_varied(options))


def names(spec: Path, *options: str, overrides: tuple[str, ...] = ()) -> list[str]:
    return [experiment.name for experiment in varied(spec, *options, overrides=overrides)]


@pytest.mark.parametrize(
    ("options", "overrides", "expected"),
    [
        (["training.learning_rate=0.1,2,1e-5"], (), ["learning_rate-0.1", "learning_rate-2", "learning_rate-1e-5"]),
        (["training.learning_rate=0.05"], (), ["learning_rate-0.05"]),  # the spec's own value
        (["training.milestones=[2,3],5,[]"], (), ["milestones-2+3", "milestones-5", "milestones-none"]),
        (["training.nesterov=true,False"], (), ["nesterov-true", "nesterov-false"]),
        (["model.shortcut=none, identity"], (), ["shortcut-none", "shortcut-identity"]),
        (["model.option=A,B"], ("model.shortcut=identity",), ["option-A", "option-B"]),
        (["model.shortcut_scale=-1,0.5"], SCALED, ["shortcut_scale--1", "shortcut_scale-0.5"]),
        (["training.warmup=null,{steps: 4}"], (), ["warmup-null", "warmup-learning_rate-0.01-steps-4"]),
        (["probes.layer=null,stage3.0.branch.act1"], PROBED, ["layer-null", "layer-stage3.0.branch.act1"]),
        (["training.warmup.steps=4", "training.steps=24"], (), ["steps-24-warmup.steps-4"]),
        (["model.width=4,8", "model.depth=8,14"], (), ["depth-8-width-4", "depth-14-width-4", "depth-8-width-8",
                                                         "depth-14-width-8"]),
    ],
)  # fmt: skip
def test_a_varied_run_is_called_after_what_differs(
    tiny: Path, options: list[str], overrides: tuple[str, ...], expected: list[str]
) -> None:
    assert names(tiny, *options, overrides=overrides) == [f"tiny-{name}" for name in expected]


def test_a_name_does_not_depend_on_the_order_or_on_how_a_number_is_written(tiny: Path) -> None:
    written = names(tiny, "training.learning_rate=0.10,1e-2", "training.batch_size=16,32")
    again = names(tiny, "training.batch_size=32,16", "training.learning_rate=0.01,1.0e-1")
    assert sorted(written) == sorted(again)
    assert names(tiny, "training.learning_rate=1") == names(tiny, "training.learning_rate=1.0")


def test_no_two_values_and_no_two_fields_share_a_name_even_where_capitals_do_not_count(tiny: Path) -> None:
    layers = ["null", "'null'", "'true'", "'1'", "a.b", "a_b", "A.b", "a.", f"{'a' * 99}b", f"{'a' * 99}c", "none"]
    layers_named = names(tiny, f"probes.layer={','.join(layers)}", overrides=PROBED)
    first, second = ([*range(10**6, 10**6 + 19), last] for last in (2 * 10**6, 3 * 10**6))
    long = names(tiny, f"training.milestones={first},{second}", overrides=("training.steps=9000000",))
    for group in (layers_named, long):
        assert len({name.lower() for name in group}) == len(group)
    assert all(len(name) <= 120 and not name.endswith(".") for name in [*layers_named, *long])
    assert len(set(short_names().values())) == len(short_names())
    assert names(tiny, "probes.unit=0", overrides=PROBED) != names(tiny, "model.unit=original", overrides=PROBED)


def test_a_carried_experiment_keeps_its_folder() -> None:
    [experiment] = vary(load_spec("quick/resnet20"), {"training.learning_rate": [0.05]})
    assert experiment.name == "quick/resnet20-learning_rate-0.05"
    assert experiment.training.learning_rate == 0.05


def test_a_default_follows_the_varied_field_and_a_spec_need_only_be_whole_once_varied(tiny: Path) -> None:
    assert [run.training.milestones for run in varied(tiny, "training.steps=8,16")] == [(4, 6), (8, 12)]
    [run] = varied(tiny, "model.shortcut_scale=0.5", overrides=SCALED)  # without it, the spec is refused
    assert run.model.shortcut_scale == 0.5


def test_numbers_of_numpy_are_numbers(tiny: Path) -> None:
    import numpy as np

    found = vary(load_spec(tiny), {"training.learning_rate": np.array([0.1, 0.2]), "model.width": np.arange(4, 6)})
    assert found[1].name == "tiny-width-5-learning_rate-0.1"
    assert vary(load_spec(tiny), {}) == [load_spec(tiny)]


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["training.learning_rate"], "should be section.field=A,B, for example training.learning_rate=0.05,0.1"),
        (["training.learning_rate="], "has an empty value"),
        (["training.learning_rate=0.1,,0.2"], "has an empty value"),
        (["training.learning_rat=0.1"], "unknown key; did you mean learning_rate?"),
        (["training.learning_rate=a,0.1"], "--vary training.learning_rate=a: training.learning_rate: 'a' should be"),
        (["training.learning_rate=0.1,1e-1"], "--vary training.learning_rate=0.1: is there twice; give each value"),
        (["training.learning_rate=0.1] #"], "are not values with commas between them"),
        (["training.steps=8", "training.steps=16"], "training.steps is varied already; give all its values in one"),
        (["seed=0,1"], "--vary seed: makes no other experiment; give seeds with --seeds 0-4"),
        (["name=a,b"], "--vary name: each combination gets a name"),
        (["model=1"], "--vary model: is a section; vary its fields, such as model.depth"),
        (["training.warmup=null", "training.warmup.steps=3"], "is a part of training.warmup, which is varied too"),
        (["model.depth=8,9"], "--vary model.depth=9: model.depth: 9 is not 6n+2; nearest are 8 and 14"),
        (["training.steps=22,24", "training.batch_size=8,640"],
         "--vary training.steps=22 --vary training.batch_size=640: training.batch_size: 640 is more than the 80"),
        (["training.steps=24,12"], "--vary training.steps=12: --set training.milestones=[20]: training.milestones: 20"),
        (["training.momentum=0.5"], "--set training.momentum: --vary gives the values of this field too"),
        (["training.steps=" + ",".join(map(str, range(21, 2000)))], "makes 1,979 combinations; at most 1,000"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_is_varied_is_one_line_with_the_fix(tiny: Path, options: list[str], fragment: str) -> None:
    with pytest.raises(SpecError) as refused:
        varied(tiny, *options, overrides=("training.milestones=[20]", "training.momentum=0.9"))
    assert fragment in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_mistake_of_the_spec_alone_is_not_blamed_on_what_is_varied(tiny: Path) -> None:
    with pytest.raises(SpecError, match=r"^--set model\.depth=9: model\.depth: 9 is not 6n\+2"):
        varied(tiny, "training.steps=16", overrides=("model.depth=9",))


@pytest.mark.parametrize("fields", [{"training.steps": 8}, {"model.shortcut": "none"}, {"training.steps": []}])
def test_from_python_the_values_of_a_field_are_a_list(tiny: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"should be a list of values|has no values"):
        vary(load_spec(tiny), fields)


def test_a_name_without_room_for_what_differs_is_refused(tiny: Path) -> None:
    with pytest.raises(SpecError, match=r"name: x+\.\.\. leaves no room .* with --name"):
        load_suite([tiny], (), None, parse_varied(["training.steps=8"]), name="x" * 100)
