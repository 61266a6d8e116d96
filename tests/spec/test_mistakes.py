"""A mistake in a spec is answered with one clear line: file, line, field and remedy."""

from pathlib import Path

import pytest

from resnet_repro.errors import SpecError
from resnet_repro.spec.file import load_spec


def write(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


MISTAKES = {
    "unknown key": (
        "model:\n  depth: 20\n  shortcu: none\n",
        [":3: model.shortcu: unknown key", "did you mean shortcut"],
    ),
    "unknown section": ("modle:\n  depth: 20\n", ["modle: unknown key; did you mean model?", ":1:"]),
    "key of another section": ("model:\n  depth: 20\n  steps: 3\n", [":3:", "did you mean training.steps?"]),
    "unknown key of a warm-up": (
        "model: {depth: 20}\ntraining:\n  warmup:\n    stepz: 3\n    steps: 2\n",
        [":4: training.warmup.stepz: unknown key; did you mean steps?"],
    ),
    "depth": ("model:\n  depth: 21\n", [":2: model.depth: 21 is not 6n+2; nearest are 20 and 26"]),
    "depth too small": ("model:\n  depth: 2\n", ["the smallest is 8"]),
    "no depth": ("model:\n  shortcut: none\n", [":1: model.depth: is missing"]),
    "wrong type": ("model:\n  depth: twenty\n", [":2: model.depth: 'twenty' should be a valid integer"]),
    "a number in quotes": ("model:\n  depth: '20'\n", [":2: model.depth: '20' should be a valid integer"]),
    "a number for a name": ("name: 010\nmodel:\n  depth: 20\n", [":1: name: 10 should be text; put it in quotes"]),
    "yes for a number": ("model:\n  depth: yes\n", [":2: model.depth: 'yes' should be a valid integer"]),
    "wrong choice": ("model:\n  depth: 20\n  shortcut: skip\n", [":3: model.shortcut: 'skip'", "'none', 'identity'"]),
    "null": ("model:\n  depth: 20\n  shortcut:\n", [":3: model.shortcut: None"]),
    "negative": ("model: {depth: 20}\ntraining:\n  steps: -5\n", [":3: training.steps: -5 should be greater than 0"]),
    "zero": ("model: {depth: 20}\ntraining:\n  batch_size: 0\n", [":3: training.batch_size: 0 should be greater"]),
    "not a number": ("model: {depth: 20}\ntraining:\n  learning_rate: .nan\n", [":3: training.learning_rate: nan"]),
    "infinite": ("model: {depth: 20}\ntraining:\n  learning_rate: .inf\n", [":3: training.learning_rate: inf"]),
    "milestones past the end": (
        "model: {depth: 20}\ntraining:\n  steps: 100\n  milestones: [50, 100]\n",
        [":4: training.milestones: 100 is past the end of training.steps: 100"],
    ),
    "milestones that fall": (
        "model: {depth: 20}\ntraining:\n  milestones: [50, 10]\n",
        [":3: training.milestones: [50, 10] should increase"],
    ),
    "two ends of a warm-up": (
        "model: {depth: 20}\ntraining:\n  warmup: {steps: 5, until_train_error_pct: 80}\n",
        [":3: training.warmup.steps: give exactly one"],
    ),
    "cadence": ("model: {depth: 20}\ntraining:\n  evaluate_every: 0\n", [":3: training.evaluate_every: 0 should be"]),
    "nesterov without momentum": (
        "model: {depth: 20}\ntraining:\n  momentum: 0\n  nesterov: true\n",
        [":4: training.nesterov: needs a momentum"],
    ),
    "option without a shortcut": (
        "model:\n  depth: 20\n  shortcut: none\n  option: B\n",
        [":4: model.option: a plain net has no shortcut"],
    ),
    "size of the true data": (
        "model: {depth: 20}\ndata:\n  train_images: 100\n",
        [":3: data.train_images: CIFAR-10 has 50000"],
    ),
    "batch larger than the data": (
        "model: {depth: 20}\ndata: {dataset: synthetic, train_images: 10}\ntraining:\n  batch_size: 20\n",
        [":4: training.batch_size: 20 is more than the 10 training images"],
    ),
    "name": ("name: ../../etc\nmodel: {depth: 20}\n", [":1: name: '../../etc' should be"]),
    "a section that is a list": ("model: [1]\n", [":1: model: should be a section"]),
    "twice": ("model:\n  depth: 20\n  depth: 56\n", [":3: model.depth: is written twice"]),
    "an alias": ("model: &m {depth: 20}\ndata: *m\n", [":2: is not YAML: aliases"]),
    "not YAML": ("model: {depth: 20\ntraining: [\n", ["is not YAML"]),
    "a Python object": ("model: !!python/object/apply:os.system ['true']\n", [":1: is not YAML"]),
    "a list": ("- model\n", ["is not a spec"]),
    "empty": ("", ["is not a spec"]),
    "deeply nested": ("[" * 5000, ["is n"]),
    "a tab": ("model:\n\tdepth: 20\n", [":2: is not YAML: found character '\\t'"]),
    "control characters": ("model:\x00\n", ["is not YAML"]),
    "two documents": ("model: {depth: 20}\n---\nmodel: {depth: 20}\n", ["is not YAML"]),
    "extends a number": ("extends: 3\n", [":1: extends: 3 should be the relative path"]),
    "extends nothing there": ("# x\nextends: no.yaml\n", [":2: extends: there is no file"]),
    "extends itself": ("extends: spec.yaml\n", [":1: extends: spec.yaml leads back"]),
    "extends something absolute": ("extends: /etc/x.yaml\n", [":1: extends:"]),
    "extends another computer": ("extends: '\\\\host\\share\\x.yaml'\n", [":1: extends:", "with / between folders"]),
    "extends another drive": ("extends: D:x.yaml\n", [":1: extends: 'D:x.yaml' should be the relative path"]),
    "steps without end": (
        f"model: {{depth: 8}}\ntraining:\n  steps: {10**30}\n",
        [":3: training.steps: 1000", "10000000"],
    ),
    "lists in lists": (f"model: {'[' * 30}{']' * 30}\n", [":1: is not YAML: it is nested too deeply"]),
    "layers without end": ("model:\n  depth: 6000000002\n", [":2: model.depth: 6000000002 should be", "3000"]),
    "filters without end": ("model: {depth: 8, width: 1000000000}\n", ["model.width: 1000000000"]),
    "weights without end": (
        "model:\n  depth: 1202\n  width: 1024\n",
        [":3: model.width: 1024 at model.depth: 1202", "79 billion"],
    ),
    "images without end": (
        f"model: {{depth: 8}}\ndata:\n  dataset: synthetic\n  train_images: {10**12}\n",
        [":4: data.train_images: 1000000000000 should be less than or equal to 200000"],
    ),
    "a cadence without end": (
        f"model: {{depth: 8}}\nprobes:\n  every: {10**12}\n",
        [":3: probes.every: 1000000000000"],
    ),
    "a bias beyond float32": (
        "model:\n  depth: 8\n  shortcut: exclusive_gate\n  gate_bias: 1e308\n",
        [":4: model.gate_bias: 1e+308"],
    ),
    "a number of too many digits": (
        "model:\n  depth: " + "1" * 9000 + "\n",
        [":2: is not YAML: a number of so many"],
    ),
    "a sexagesimal": ("model:\n  depth: 1:30\n", [":2: model.depth: '1:30' should be a valid integer"]),
    "a sexagesimal of many parts": (
        "model: {depth: 8}\ntraining:\n  learning_rate: 1" + ":1" * 300 + "\n",
        [":3: training.learning_rate: '1:1:1"],
    ),
    "a hexadecimal": ("model:\n  depth: 0x14\n", [":2: model.depth: '0x14' should be a valid integer"]),
    "a date": ("model:\n  depth: 2026-99-99\n", [":2: model.depth: '2026-99-99' should be a valid integer"]),
    "a merge key": ("model:\n  <<: {depth: 8}\n", [":2: model.<<: unknown key"]),
    "a tag that is harmless": ("model:\n  depth: !!int 8\n", [":2: is not YAML: aliases and tags are not used"]),
    "many problems": ("model:\n  depth: twenty\n  width: -1\n", [":2: model.depth", "(and 1 more)"]),
}


def assert_one_line(folder: Path, mistake: str) -> None:
    """A spec with one of MISTAKES is refused in a line that has all of its fragments."""
    text, fragments = MISTAKES[mistake]
    path = write(folder, text)
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_file_line_field_and_fix(tmp_path: Path, mistake: str) -> None:
    assert_one_line(tmp_path, mistake)


def test_a_loop_over_two_files_is_named(tmp_path: Path) -> None:
    write(tmp_path, "extends: b.yaml\n", "a.yaml")
    write(tmp_path, "extends: a.yaml\n", "b.yaml")
    with pytest.raises(SpecError, match=r"b\.yaml:1: extends: a\.yaml leads back"):
        load_spec(tmp_path / "a.yaml")


def test_a_mistake_in_the_base_names_the_base(tmp_path: Path) -> None:
    write(tmp_path, "model:\n  depth: 57\n", "base.yaml")
    with pytest.raises(SpecError, match=r"base\.yaml:2: model\.depth: 57"):
        load_spec(write(tmp_path, "extends: base.yaml\n"))


@pytest.mark.parametrize(
    ("override", "fragment"),
    [
        ("training.steps", "should be section.field=value"),
        ("=3", "should be section.field=value"),
        ("training.stepz=3", "--set training.stepz=3: training.stepz: unknown key; did you mean steps?"),
        ("training.steps=x", "--set training.steps=x: training.steps: 'x' should be a valid integer"),
        ("training.steps=[", "is not a value"),
        ("training.learning_rate=0.05,0.1", "'train' with --vary training.learning_rate=0.05,0.1 trains a run for"),
        ("training.milestones=200,300", "write a list in brackets: [200,300]"),
        ("model.shortcut=none, identity", "--vary model.shortcut=none,identity trains"),
        ("seed=0,1", "'train' with --seeds 0,1 trains"),
        ("model=3", "--set model=3: model: should be a section"),
        ("model.depth.x=3", "model.depth: {'x': 3} should be a valid integer"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, fragment: str) -> None:
    with pytest.raises(SpecError) as refused:
        load_spec(write(tmp_path, "model: {depth: 20}\n"), [override])
    assert fragment in str(refused.value)


def test_a_missing_file_is_named_with_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path, "", "plain56.yaml")
    with pytest.raises(SpecError, match=r"plain65\.yaml: there is no such file; did you mean .*plain56\.yaml\?"):
        load_spec(tmp_path / "plain65.yaml")


def test_files_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00model")
    with pytest.raises(SpecError, match="not UTF-8"):
        load_spec(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * 200_000)
    with pytest.raises(SpecError, match="too large"):
        load_spec(tmp_path / "large.yaml")
    with pytest.raises(SpecError, match="is a folder"):
        load_spec(tmp_path)
