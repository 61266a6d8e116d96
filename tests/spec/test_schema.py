"""The JSON Schema of a spec: what the command prints, and what it lets an editor accept."""

import json

import pytest
from conftest import REPOSITORY, Cli
from jsonschema import Draft202012Validator

from resnet_repro.spec.schema import spec_schema
from resnet_repro.spec.yaml_source import parse


def test_the_command_prints_the_committed_schema(cli: Cli) -> None:
    committed = json.loads((REPOSITORY / "experiments/schema.json").read_text())
    assert json.loads(cli("schema").out) == committed == spec_schema()


def test_every_field_of_every_section_has_a_description() -> None:
    schema = spec_schema()
    sections = {"": schema, **schema["$defs"]}
    fields = {(name, field): about for name, inner in sections.items() for field, about in inner["properties"].items()}
    assert len(fields) > 50
    assert [name for name, about in fields.items() if not about.get("description")] == []


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [
        ("{}", True),
        ("extends: ../plain56.yaml", True),
        ("model: {shortcut: none}", True),
        ("probes: {measure: layer_response, every: epoch}", True),
        ("probes: {measure: [layer_response, dead_units], every: 100}", True),
        ("training: {milestones: 300, warmup: null}", True),
        ("training: {warmup: {steps: 400}, weight_decay: 1e-4}", True),
        ("modle: {}", False),
        ("model: {dept: 20}", False),
        ("model: {depth: deep}", False),
        ("model: {shortcut: identiy}", False),
        ("probes: {measure: [layer_respons]}", False),
        ("training: {warmup: {stepz: 400}}", False),
        ("extends: [plain56.yaml]", False),
    ],
)
def test_an_editor_accepts_short_specs_and_marks_mistakes(text: str, is_accepted: bool) -> None:
    assert Draft202012Validator(spec_schema()).is_valid(parse(text)[1]) == is_accepted
