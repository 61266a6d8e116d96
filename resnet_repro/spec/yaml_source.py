"""Reads one YAML file as plain nested values, and notes the line of each."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from resnet_repro.errors import RunError, SpecError
from resnet_repro.files import read_bytes
from resnet_repro.nearest import did_you_mean, nearest_paths
from resnet_repro.spec.explain import Key

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeLoader
else:
    from yaml import CSafeLoader as SafeLoader  # ten times as fast; it words some mistakes differently

LARGEST_FILE = 100_000  # bytes; a spec has a few hundred
LONGEST_INTEGER = 100  # characters; messages can still show it
DEEPEST = 20  # levels; a spec has three


class _Loader(SafeLoader):
    """SafeLoader for the plain values of YAML 1.2: no merge keys or dates. 010 is 10."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > LONGEST_INTEGER:
            raise yaml.MarkedYAMLError(problem="a number of so many digits", problem_mark=node.start_mark)
        return int(node.value)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that also quotes a text which YAML 1.2 would read as a number, such as 1e3."""


# The plain values of YAML 1.2's core schema (section 10.3.2 of yaml.org/spec/1.2.2), where PyYAML follows YAML 1.1:
# there 010 is 8, 1:30 is 90, and no is false.
PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
_Loader.yaml_implicit_resolvers = {}
for _kind, (_pattern, _first) in PLAIN.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


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
    """Read a spec file without its `extends`. Raises SpecError, which names the file and the line."""
    try:
        if path.is_dir():
            raise SpecError(f"{path}: is a folder, not a spec")
        if not path.exists():
            raise SpecError(f"{path}: there is no such file{did_you_mean(specs_like(path))}")
        text = read_bytes(path, LARGEST_FILE).decode()
    except RunError as error:
        raise SpecError(f"{error}; is it the right file?") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not UTF-8 text, so not a spec") from None
    except (OSError, ValueError) as error:  # a path that no system has
        raise SpecError(f"{path}: cannot be read: {error}") from None
    places: dict[Key, str] = {(): str(path)}
    try:
        node, values = parse(text)
        _note_places(node, (), path, places)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{path}:{line}: is not YAML: {_problem(text, error)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise SpecError(f"{path}: is not a spec; it should start with 'model:' and its 'depth:'")
    return Source(values, places)


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """Parse a text that holds one YAML document. Raises YAMLError or ValueError."""
    _refuse_what_specs_do_not_use(text)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _refuse_what_specs_do_not_use(text: str) -> None:
    """Refuse aliases, tags and many levels, which take PyYAML long or exceed Python's limit of recursion."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="aliases and tags are not used in specs", problem_mark=event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=event.start_mark)


def _problem(text: str, error: yaml.MarkedYAMLError) -> str:
    """What is wrong; with the character, as PyYAML's own parser has it, where libyaml leaves it out."""
    mark, line = error.problem_mark, ""
    if mark and error.problem == "found character that cannot start any token":
        line = (text.splitlines()[mark.line : mark.line + 1] or [""])[0]
    if mark and mark.column < len(line):
        return f"found character {line[mark.column]!r} that cannot start any token"
    return str(error.problem)


def dump(values: dict[str, Any]) -> str:
    """Plain values as YAML, in their order; `parse` reads equal ones back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False)


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


def specs_like(path: Path) -> list[Path]:
    """The spec files and folders whose paths are nearest to that of a missing one."""
    return nearest_paths(path, lambda other: os.path.isdir(other) or (is_spec(other) and os.path.isfile(other)))


def is_spec(path: Path) -> bool:
    """Whether a file is a spec by its name. Emacs and macOS put hidden files beside specs, such as ._x.yaml."""
    return path.suffix.lower() in (".yaml", ".yml") and not path.name.startswith(".")
