"""The generated pages are those that the code of today gives: `make docs`."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from conftest import REPOSITORY

from resnet_repro.spec.file import load_spec

SPECS = sorted((REPOSITORY / "experiments").rglob("*.yaml"))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs/generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(page: str) -> list[tuple[str, str]]:
    """Each command's heading and each option's name and help: what no version of Typer writes in another way."""
    return re.findall(r"^(#+ `[^`]+`|\* `--[\w-]+)[^:\n]*:?\s*([^\[\n]*?)\s*(?:\[.*)?$", page, flags=re.MULTILINE)


def test_the_page_of_the_commands_is_what_the_command_line_gives(generate: ModuleType) -> None:
    page = (REPOSITORY / "docs/commands.md").read_text()
    assert len(options(page)) > 60
    assert options(page) == options(generate.commands()), "make docs"


@pytest.mark.parametrize("name", ["docs/spec.md", "experiments/schema.json"])
def test_the_pages_of_the_spec_are_what_the_fields_give(name: str, generate: ModuleType) -> None:
    text = generate.spec() if name.endswith(".md") else generate.schema()
    assert (REPOSITORY / name).read_text() == text, "make docs"


def test_every_field_of_a_spec_has_a_description() -> None:
    schema = json.loads((REPOSITORY / "experiments/schema.json").read_text())
    sections = {"": schema, **schema["$defs"]}
    missing = [
        f"{section}.{name}"
        for section, definition in sections.items()
        for name, field in definition["properties"].items()
        if not field.get("description")
    ]
    assert missing == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_schema_knows_the_fields_of_the_committed_specs(path: Path) -> None:
    schema = json.loads((REPOSITORY / "experiments/schema.json").read_text())
    for section, values in load_spec(path).model_dump(exclude_unset=True).items():
        if isinstance(values, dict):
            known = schema["$defs"][schema["properties"][section]["$ref"].rpartition("/")[2]]["properties"]
            assert values.keys() <= known.keys()
