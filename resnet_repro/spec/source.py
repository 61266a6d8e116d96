"""Reads one YAML file as plain nested values, and notes the line of each."""

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from resnet_repro.errors import SpecError
from resnet_repro.spec.explain import Key

LARGEST_FILE = 100_000  # bytes; a spec has a few hundred
LONGEST_INTEGER = 100  # characters; messages can still show it


class _Loader(yaml.SafeLoader):
    """SafeLoader for plain values: no aliases, tags, merge keys or dates. Reads 1e-4 as a number."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.tag:
            raise yaml.MarkedYAMLError(problem="aliases and tags are not used in specs", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > LONGEST_INTEGER:
            raise yaml.MarkedYAMLError(problem="a number of so many digits", problem_mark=node.start_mark)
        return super().construct_yaml_int(node)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("bool", "float", "int", "null")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
)


@dataclass
class Source:
    """Plain nested values, and the file and line of each."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)  # ("model", "depth") -> "experiments/x.yaml:3"

    def over(self, base: "Source") -> "Source":
        """These values laid over those of `base`, section by section."""
        return Source(_merged(base.values, self.values), base.places | self.places)

    def place(self, key: Key) -> str:
        """File and line of `key`, or of the section around it if the key was not written."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, "")


def read_source(path: Path) -> Source:
    try:
        if path.is_dir():
            raise SpecError(f"{path}: is a folder, not a spec")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise SpecError(f"{path}: is too large for a spec (over {LARGEST_FILE} bytes); is it the right file?")
        text = content.decode()
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file{_nearby(path)}") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not UTF-8 text, so not a spec") from None
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    places: dict[Key, str] = {(): str(path)}
    try:
        node, values = parse(text)
        _note_places(node, (), path, places)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{path}:{line}: is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SpecError(f"{path}: is nested too deeply for a spec") from None
    if not isinstance(values, dict):
        raise SpecError(f"{path}: is not a spec; it should start with 'model:' and its 'depth:'")
    return Source(values, places)


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """Parse a text that holds one YAML document. Raises YAMLError, ValueError or RecursionError."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _note_places(node: yaml.Node | None, key: Key, path: Path, places: dict[Key, str]) -> None:
    """Note the line of every key. Refuse a key that is written twice, of which YAML would silently keep the last."""
    if not isinstance(node, yaml.MappingNode):
        return
    for name, value in node.value:
        inner = (*key, str(name.value))
        place = f"{path}:{name.start_mark.line + 1}"
        if inner in places:
            raise SpecError(f"{place}: {'.'.join(inner)}: is written twice; keep one")
        places[inner] = place
        _note_places(value, inner, path, places)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    names = [other.name for other in path.parent.iterdir() if other.suffix in (".yaml", ".yml")]
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.parent / close[0]}?" if close else ""
