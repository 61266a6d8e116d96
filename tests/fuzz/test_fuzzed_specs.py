"""Reads 720 specs and 250 overrides, from nearly valid to absurd, with the commands that take them."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TINY, Cli
from hostile import NASTY_TEXTS, VALUES, WHOLE_FILES, as_yaml, damaged, fuzzed, with_a_wrong_value
from hypothesis import example, given
from hypothesis import strategies as st
from outcomes import contents, tidy

from resnet_repro.launch import plan
from resnet_repro.launch.duration import Rate

PROBES = {"measure": ["layer_response"], "every": 4, "images": 16, "layer": None, "unit": 0}
VALID: dict[str, Any] = {**yaml.safe_load(TINY), "name": "tiny", "seed": 3, "probes": PROBES}
VALID["training"] |= {"milestones": [12, 18], "warmup": {"steps": 2, "learning_rate": 0.01}, "momentum": 0.9}
VALID["model"] |= {"block": "basic", "initialization": "he", "batch_norm_splits": 1, "dropout": 0.0}
TRICKS = (
    b"a: &x [1]\nb: *x\n", b"<<: {model: {depth: 8}}\n", b"model: !!python/object/apply:os.system ['touch evil']\n",
    b"model: {depth: !!int 'x'}\n", b"model: {depth: !!bool maybe}\n", b"seed: !!timestamp x\n", b"seed: 2026-99-99\n",
    b"model: {depth: 0x" + b"f" * 9000 + b"}\n", b"model: {depth: 190:20:30:59:59:59:59:59:59:59}\n", b"? [1]\n: 2\n",
    b"extends: spec.yaml\n", b"extends: other.yaml\n", b"extends: ../../../etc/x.yaml\n", b'extends: "a\\0.yaml"\n',
    b"extends: link.yaml\n", b"extends: [x.yaml]\n", b"extends: " + b"x" * 5000 + b".yaml\n", b'"a\\nb\\e[31m": 3\n',
    b"model: {depth: 8, width: 1024}\n", b"model: {depth: 9998, width: 1024}\n", b"=: 3\nmodel: {depth: 8}\n",
    b"%YAML 9.9\n---\n",
)  # fmt: skip
SPECS = st.one_of(
    WHOLE_FILES,
    st.sampled_from(TRICKS),
    damaged(TINY.encode()),
    damaged(as_yaml(VALID)),
    with_a_wrong_value(VALID).map(as_yaml),
    st.dictionaries(st.sampled_from(["model", "data", "extends", "name", "x"]), VALUES).map(as_yaml),
)
COMMANDS = st.sampled_from(["describe", "train"])
FIELDS = st.one_of(
    st.sampled_from([f"{section}.{key}" for section, keys in VALID.items() if isinstance(keys, dict) for key in keys]),
    st.sampled_from(["name", "seed", "model", "extends", "", ".", "model..depth", "a." * 2000 + "b", *NASTY_TEXTS]),
)
TEXTS = st.one_of(
    VALUES.map(lambda value: yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()),
    st.text(max_size=10), st.sampled_from(["[" * 3000, "1" * 9000, "2026-99-99", "!!int x", "&a 1", "*a"]),
    st.sampled_from(["<<", "{<<: 3}", "0x" + "f" * 9000, "\0", "10" * 40, "-.inf"]),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the speed measurement of a dry run, which takes two seconds."""
    monkeypatch.setattr(plan, "measure_rate", lambda slot, like: Rate(1e9, "nothing"))


def read_by(command: str, cli: Cli, spec: bytes, *overrides: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "spec.yaml"
        path.write_bytes(spec)
        (folder / "other.yaml").write_text("extends: spec.yaml\n")
        (folder / "link.yaml").symlink_to("link.yaml")
        before = contents(folder)
        options = [option for override in overrides for option in ("--set", override)]
        if command == "train":
            options += ["--dry-run", "--device", "cpu", "--results", str(folder / "results")]
        tidy(cli, command, path, *options)
        assert contents(folder) == before


@example(command="train", spec=as_yaml(VALID))
@given(command=COMMANDS, spec=SPECS)
@fuzzed(720)
def test_a_spec_is_read_or_refused_in_one_line(cli: Cli, command: str, spec: bytes) -> None:
    read_by(command, cli, spec)


@given(command=COMMANDS, field=FIELDS, text=TEXTS, equals=st.sampled_from(["=", "=", "=", ""]))
@fuzzed(250)
def test_an_override_is_taken_or_refused_in_one_line(
    cli: Cli, command: str, field: str, text: str, equals: str
) -> None:
    read_by(command, cli, TINY.encode(), f"{field}{equals}{text}")
