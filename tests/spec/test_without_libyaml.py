"""PyYAML can be built without libyaml. Then its own parser reads the same values, and refuses the same mistakes."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from test_mistakes import MISTAKES, assert_one_line

from resnet_repro.spec import yaml_source


@pytest.fixture
def no_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a spec uses the class that the module has where PyYAML comes without libyaml."""
    assert yaml.__with_libyaml__  # PyYAML's wheels come with it
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    found = importlib.util.spec_from_file_location("without_libyaml", yaml_source.__file__)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert issubclass(module._Loader, yaml.SafeLoader)
    monkeypatch.setattr(yaml_source, "_Loader", module._Loader)


SPECS = sorted((REPOSITORY / "experiments").rglob("*.yaml"))
WITH_LIBYAML = {path: yaml_source.read_source(path) for path in SPECS}


def test_every_spec_has_the_same_values_and_lines(no_libyaml: None) -> None:
    assert {path: yaml_source.read_source(path) for path in SPECS} == WITH_LIBYAML


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_file_line_field_and_fix(tmp_path: Path, mistake: str, no_libyaml: None) -> None:
    assert_one_line(tmp_path, mistake)
