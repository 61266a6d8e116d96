"""Reading specs: defaults, extends, overrides, and specs of earlier versions."""

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_repro.errors import SpecError
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec, Warmup
from resnet_repro.spec.file import differences, dump_spec, load_spec
from resnet_repro.spec.suite import load_suite


def write(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_shortest_spec_is_the_papers_plain_net(tmp_path: Path) -> None:
    experiment = load_spec(write(tmp_path, "model:\n  depth: 56\n  shortcut: none\n", "plain56.yaml"))
    assert experiment == Experiment(name="plain56", model=ModelSpec(depth=56, shortcut="none"))


@pytest.mark.parametrize(
    ("text", "number"), [("1e-4", 1e-4), ("1E-1", 0.1), ("1e0", 1.0), ("+2.5e-1", 0.25), (".5", 0.5), ("1.", 1.0)]
)
def test_numbers_are_read_in_every_notation(tmp_path: Path, text: str, number: float) -> None:
    spec = write(tmp_path, f"model: {{depth: 20}}\ntraining:\n  weight_decay: {text}\n")
    assert load_spec(spec).training.weight_decay == number
    assert load_spec(spec, [f"training.learning_rate={text}"]).training.learning_rate == number


@pytest.mark.parametrize(("text", "number"), [("010", 10), ("08", 8), ("+12", 12), ("12", 12)])
def test_integers_are_decimal_in_files_and_overrides(tmp_path: Path, text: str, number: int) -> None:
    spec = write(tmp_path, f"model: {{depth: 8}}\ntraining: {{batch_size: {text}}}\n")
    assert load_spec(spec).training.batch_size == number
    assert load_spec(spec, [f"seed={text}"]).seed == number


@pytest.mark.parametrize("name", ["1e3", "010", "1.5", "true", "null", "on", "0x1f", "1_000", "08.5"])
def test_a_name_that_looks_like_another_value_is_dumped_as_text(tmp_path: Path, name: str) -> None:
    experiment = Experiment(name=name, model=ModelSpec(depth=8))
    assert load_spec(write(tmp_path, dump_spec(experiment))) == experiment


def test_extends_takes_all_but_the_name(tmp_path: Path) -> None:
    write(tmp_path, "name: base\nmodel: {depth: 20, shortcut: none}\ntraining: {steps: 400}\n", "base.yaml")
    child = write(tmp_path, "extends: ../base.yaml\nmodel:\n  depth: 56\n", "deeper/child.yaml")
    experiment = load_spec(child)
    assert (experiment.name, experiment.model.depth, experiment.model.shortcut) == ("child", 56, "none")
    assert experiment.training.milestones == (200, 300)


def test_an_override_counts_like_any_other_value(tmp_path: Path) -> None:
    spec = write(tmp_path, "model: {depth: 20}\n")
    experiment = load_spec(spec, ["training.steps=400", "training.warmup={steps: 10}", "model.shortcut=none"])
    assert experiment.training.milestones == (200, 300)
    assert experiment.training.warmup == Warmup(steps=10)
    assert experiment.model.shortcut == "none"


def test_differences_name_fields_and_values() -> None:
    ours = Experiment(name="x", model=ModelSpec(depth=20))
    theirs = Experiment(name="x", model=ModelSpec(depth=56), training=TrainingSpec(warmup=Warmup(steps=5)))
    assert "model.depth: 20 against 56" in differences(ours, theirs)
    assert any("warmup" in difference for difference in differences(ours, theirs))
    assert differences(ours, ours) == []


@settings(deadline=None, max_examples=50)
@given(
    depth=st.integers(1, 200).map(lambda n: 6 * n + 2),
    shortcut=st.sampled_from(["none", "identity"]),
    steps=st.integers(10, 100_000),
    rate=st.floats(1e-8, 10),
    decay=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    every=st.one_of(st.just("epoch"), st.integers(1, 1000)),
)
def test_a_dumped_spec_loads_equal(
    tmp_path_factory: pytest.TempPathFactory,
    depth: int,
    shortcut: str,
    steps: int,
    rate: float,
    decay: float,
    seed: int,
    every: int | str,
) -> None:
    training = {"steps": steps, "learning_rate": rate, "weight_decay": decay, "evaluate_every": every}
    experiment = Experiment.model_validate(
        {"name": "x", "seed": seed, "model": {"depth": depth, "shortcut": shortcut}, "training": training}
    )
    path = tmp_path_factory.mktemp("dump") / "spec.yaml"
    path.write_text(dump_spec(experiment))
    assert load_spec(path) == experiment


EARLIER = """
name: before
seed: 3
model: {depth: 20, unit: original, shortcut: none, option: A, normalization: none, activation: relu, width: 16}
"""


@pytest.mark.parametrize(
    ("earlier", "classifier", "std"),
    [
        ({"initialization": "he"}, "he", None),
        ({"initialization": "he_fan_in"}, "he", None),
        ({"initialization": "xavier"}, "gaussian", math.sqrt(2 / (64 + 10))),
        ({"initialization": "xavier", "block": "bottleneck", "option": "B", "depth": 29}, "gaussian",
         math.sqrt(2 / (256 + 10))),
        ({"initialization": "gaussian", "initialization_std": 0.03}, "gaussian", 0.03),
        ({"initialization": "fixup", "shortcut": "identity"}, "zero", None),
    ],
)  # fmt: skip
def test_a_resolved_spec_without_the_classifier_field_gets_the_rule_of_its_time(
    tmp_path: Path, earlier: dict[str, object], classifier: str, std: float | None
) -> None:
    """At that time the classifier was initialised like the convolutions; with "he" by its fan-in."""
    values = yaml.safe_load(EARLIER)
    values["model"] |= earlier
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(values))
    model = load_spec(path).model
    assert (model.classifier_initialization, model.classifier_initialization_std) == (classifier, std)


def test_a_spec_that_is_not_resolved_gets_the_current_default(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("model: {depth: 20, shortcut: none, initialization: gaussian, initialization_std: 0.01}")
    assert load_spec(path).model.classifier_initialization == "uniform"
    whole = yaml.safe_load(EARLIER)["model"] | {"normalization": "batch", "initialization": "he"}
    path.write_text(yaml.safe_dump({"model": whole}))  # by hand, with the defaults written out
    assert load_spec(path).model.classifier_initialization == "uniform"


@pytest.mark.parametrize("fault", ["width: many", "width: 0", "width: null", "initialization_std: [1]"])
def test_a_damaged_resolved_spec_is_refused_in_one_line(tmp_path: Path, fault: str) -> None:
    field, value = fault.split(": ")
    values = yaml.safe_load(EARLIER)
    values["model"] |= {"initialization": "xavier" if field == "width" else "gaussian", field: yaml.safe_load(value)}
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(SpecError, match=field):
        load_spec(path)


def test_a_dump_writes_every_default_out() -> None:
    values = yaml.safe_load(dump_spec(Experiment(name="x", model=ModelSpec(depth=20))))
    assert set(values["training"]) == set(TrainingSpec.model_fields)
    assert set(values["data"]) == set(DataSpec.model_fields)
    assert values["training"]["milestones"] == [32000, 48000]


def test_a_folder_of_specs_holds_yaml_and_yml_but_no_hidden_files(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "C.YML"):
        (tmp_path / name).write_text("model: {depth: 8}\n")
    for name in ("._b.yaml", ".hidden.yml", "notes.txt", "b.yaml~", "#b.yaml#"):
        (tmp_path / name).write_bytes(b"\0\x05\x16\x07")
    (tmp_path / ".#b.yaml").symlink_to("someone@host.123")  # Emacs, while the file is open
    assert [experiment.name for experiment in load_suite([tmp_path], (), None)] == ["C", "a", "b"]
    assert load_suite([tmp_path / "a.yml"], (), None)[0].name == "a"
