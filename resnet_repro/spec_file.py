"""Spec files: YAML, `extends` and `--set` become an Experiment, or one line that says where and what to mend."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from resnet_repro.errors import SpecError
from resnet_repro.spec import Experiment
from resnet_repro.spec_errors import Key, explain

LARGEST_FILE = 100_000  # bytes; a spec has a few hundred
DEEPEST_EXTENDS = 16


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases, and with 1e-4 read as the number it is."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"line {self.peek_event().start_mark.line + 1}: aliases are not used in specs")
        return super().compose_node(parent, index)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
)


@dataclass
class _Source:
    """Plain nested values, and where each one was written."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)  # ("model", "depth") -> "experiments/x.yaml:3"

    def over(self, base: "_Source") -> "_Source":
        """These values laid over those of `base`, section by section."""
        return _Source(_merged(base.values, self.values), base.places | self.places)

    def place(self, key: Key) -> str:
        """Where `key` was written, or else the section around it."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, "")


def load_spec(path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment that a spec file describes, every default filled in.

    `overrides` are `section.field=value` texts, as after `--set`. Raises SpecError with file, line and field.
    """
    path = Path(path)
    source = _with_base(path, ())
    source.values.setdefault("name", path.stem)
    return _experiment(source, overrides)


def overridden(experiment: Experiment, overrides: Iterable[str]) -> Experiment:
    """An experiment built in code, with `section.field=value` texts over it. Raises SpecError."""
    return _experiment(_Source(experiment.model_dump(mode="json", exclude_unset=True)), overrides)


def dump_spec(experiment: Experiment) -> str:
    """The resolved spec as YAML, every default written out; `load_spec` reads it back equal."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)


def differences(ours: Experiment, theirs: Experiment) -> list[str]:
    """The fields in which two experiments differ, as `training.steps: 400 against 800`."""
    left, right = (dict(_leaves(spec.model_dump(mode="json"))) for spec in (ours, theirs))
    return [f"{'.'.join(key)}: {left.get(key)} against {right.get(key)}"
            for key in left | right if left.get(key) != right.get(key)]  # fmt: skip


def _experiment(source: _Source, overrides: Iterable[str]) -> Experiment:
    for text in overrides:
        source = _override(text).over(source)
    try:
        return Experiment.model_validate(source.values)
    except ValidationError as error:
        raise SpecError(explain(error, source.place)) from None


def _with_base(path: Path, above: tuple[Path, ...]) -> _Source:
    source = _read(path)
    base = source.values.pop("extends", None)
    if base is None:
        return source
    place = source.place(("extends",))
    if not isinstance(base, str) or Path(base).is_absolute() or Path(base).suffix not in (".yaml", ".yml"):
        raise SpecError(f"{place}: extends: {base!r} should be the relative path of a .yaml file")
    chain = (*above, path.resolve())
    base_path = path.parent / base
    if base_path.resolve() in chain or len(chain) > DEEPEST_EXTENDS:
        raise SpecError(f"{place}: extends: {base} leads back to a spec that extends it; break the loop")
    if not base_path.is_file():
        raise SpecError(f"{place}: extends: there is no file {base_path}")
    below = _with_base(base_path, chain)
    below.values.pop("name", None)  # a name belongs to its own file
    return source.over(below)


def _read(path: Path) -> _Source:
    try:
        if path.is_dir():
            raise SpecError(f"{path}: is a folder, not a spec")
        if path.stat().st_size > LARGEST_FILE:
            raise SpecError(f"{path}: is too large for a spec ({path.stat().st_size} bytes); is it the right file?")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file{_nearby(path)}") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not UTF-8 text, so not a spec") from None
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            places: dict[Key, str] = {(): str(path)}
            _note_places(node, (), path, places)
            values = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{path}:{line}: is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SpecError(f"{path}: is nested too deeply for a spec") from None
    if not isinstance(values, dict):
        raise SpecError(f"{path}: is not a spec; it should start with 'model:' and its 'depth:'")
    return _Source(values, places)


def _note_places(node: yaml.Node | None, key: Key, path: Path, places: dict[Key, str]) -> None:
    """Record the line of every key, and refuse a key written twice (YAML would keep the last, silently)."""
    if not isinstance(node, yaml.MappingNode):
        return
    for name, value in node.value:
        inner = (*key, str(name.value))
        place = f"{path}:{name.start_mark.line + 1}"
        if inner in places:
            raise SpecError(f"{place}: {'.'.join(inner)}: is written twice; keep one")
        places[inner] = place
        _note_places(value, inner, path, places)


def _override(text: str) -> _Source:
    name, equals, value_text = text.partition("=")
    key = tuple(name.strip().split("."))
    place = f"--set {text}"
    if not equals or not all(key):
        raise SpecError(f"{place}: should be section.field=value, for example training.steps=400")
    try:
        value = yaml.load(value_text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError:
        raise SpecError(f"{place}: {value_text!r} is not a value") from None
    values: dict[str, Any] = {key[-1]: value}
    for part in reversed(key[:-1]):
        values = {part: values}
    return _Source(values, {key: place})


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def _leaves(values: dict[str, Any], key: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*key, name))
        else:
            yield (*key, name), value


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    names = [other.name for other in path.parent.iterdir() if other.suffix in (".yaml", ".yml")]
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.parent / close[0]}?" if close else ""
