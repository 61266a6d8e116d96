"""The generated pages are those that the code of today gives: `make docs`."""

import importlib.util
import json
import re
from types import ModuleType

import pytest
from conftest import REPOSITORY
from jsonschema import Draft202012Validator

from resnet_repro.spec.yaml_source import parse

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
    assert "..." not in re.sub(r"^\$.*$", "", page, flags=re.MULTILINE)  # no help is cut short; a usage may have dots


def test_the_other_generated_files_are_what_the_code_gives(generate: ModuleType) -> None:
    for name, text in generate.pages().items():
        kept = (REPOSITORY / name).read_text()
        if name.endswith(".json"):
            assert json.loads(kept) == json.loads(text), "make docs"  # versions of pydantic write 1000 or 1000.0
        elif name != "docs/commands.md":
            assert kept == text, "make docs"


def test_the_schema_accepts_the_committed_specs() -> None:
    validator = Draft202012Validator(json.loads((REPOSITORY / "experiments/schema.json").read_text()))
    for path in SPECS:
        values = parse(path.read_text())[1]
        assert [error.message for error in validator.iter_errors(values)] == [], path
