"""Reads spec files: YAML, `extends` and `--set` become an Experiment, and a mistake becomes one line with its place."""

import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resnet_repro.errors import SpecError
from resnet_repro.nearest import did_you_mean
from resnet_repro.spec import Experiment
from resnet_repro.spec.carried import find_spec
from resnet_repro.spec.explain import Key, explain, short
from resnet_repro.spec.model import CLASSES
from resnet_repro.spec.overriding import parse_override
from resnet_repro.spec.own import READING
from resnet_repro.spec.yaml_source import Source, dump, read_source, specs_like

DEEPEST_EXTENDS = 16
# Backslashes and colons are refused: on Windows a stranger's spec could name another computer with them.
RELATIVE_SPEC = re.compile(r"[^/\\:\x00-\x1f][^\\:\x00-\x1f]{0,200}\.ya?ml")
# A spec that names its seed and all of these fields of its model is the resolved one of a run.
RESOLVED = {"unit", "shortcut", "option", "activation", "initialization", "width"}


def load_spec(path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """Read the experiment that a spec file describes, with every default filled in.

    `path` may also be the name of an experiment that the package carries, such as quick/plain20. `overrides` are texts
    of the form `section.field=value`, as after `--set`. Raises SpecError with file, line and field.
    """
    return read_spec(find_spec(Path(path)), overrides)


def read_spec(path: Path, overrides: Iterable[str] = (), reading: bool = False) -> Experiment:
    """Read a spec file, or the resolved spec.yaml of a run, made by this or an earlier version. Raises SpecError.

    With `reading`, no net will be built: then names that a file of the user's own had added are valid without it.
    """
    return validated(spec_source(path, overrides), reading)


def spec_source(path: Path, overrides: Iterable[str] = ()) -> Source:
    """The values of a spec file with those of `overrides` over them, not validated yet. Raises SpecError."""
    source = _with_base(path, (), _real(path.parent).parent)
    _complete_earlier(source)
    source.values.setdefault("name", path.stem)
    return _overridden(source, overrides)


def overridden(experiment: Experiment, overrides: Iterable[str]) -> Experiment:
    """Change fields of an experiment by texts of the form `section.field=value`. Raises SpecError."""
    return validated(_overridden(as_source(experiment), overrides))


def as_source(experiment: Experiment) -> Source:
    """The values that were given for an experiment; defaults are left out, as they may depend on other fields."""
    return Source(experiment.model_dump(mode="json", exclude_unset=True))


def dump_spec(experiment: Experiment) -> str:
    """Write the experiment as YAML, with every default. `load_spec` reads an equal experiment back."""
    return dump(experiment.model_dump(mode="json"))


def differences(ours: Experiment, theirs: Experiment) -> list[str]:
    """List the fields in which two experiments differ, as `training.steps: 400 against 800`."""
    return [f"{field}: {left} against {right}" for field, (left, right) in differing_fields([ours, theirs]).items()]


def differing_fields(experiments: Iterable[Experiment]) -> dict[str, list[Any]]:
    """The fields in which experiments differ, such as training.steps, with the value of each, None if it has none."""
    specs = [{".".join(key): value for key, value in leaves(spec.model_dump(mode="json"))} for spec in experiments]
    names = dict.fromkeys(name for spec in specs for name in spec)
    found = {name: [spec.get(name) for spec in specs] for name in names}
    return {name: values for name, values in found.items() if any(value != values[0] for value in values)}


def _overridden(source: Source, overrides: Iterable[str]) -> Source:
    for text in overrides:
        source = parse_override(text).over(source)
    return source


def validated(source: Source, reading: bool = False) -> Experiment:
    """The experiment of these values. Raises SpecError with the place of the first mistake."""
    try:
        return Experiment.model_validate(source.values, context=READING if reading else None)
    except ValidationError as error:
        raise SpecError(explain(error, source.place)) from None


def _complete_earlier(source: Source) -> None:
    """Add the fields that did not exist yet when a resolved spec was written, with the values in force then."""
    model = source.values.get("model")
    if not isinstance(model, dict) or "classifier_initialization" in model:
        return
    if model.keys() >= RESOLVED and source.values.keys() >= {"name", "seed"}:
        model.update(_earlier_classifier(model))


def _earlier_classifier(model: dict[str, Any]) -> dict[str, Any]:
    """The classifier of a run from before this field was initialised like the convolutions; with "he" by its fan-in."""
    match model.get("initialization", "he"):
        case "fixup":
            return {"classifier_initialization": "zero"}
        case "gaussian":
            std = model.get("initialization_std")
        case "xavier":
            expansion = 4 if model.get("block") == "bottleneck" else 1
            width = model.get("width", 16)
            std = math.sqrt(2 / (4 * width * expansion + CLASSES)) if isinstance(width, int) and width > 0 else None
        case _:
            return {"classifier_initialization": "he"}
    return {"classifier_initialization": "gaussian", "classifier_initialization_std": std}


def _with_base(path: Path, above: tuple[Path, ...], root: Path) -> Source:
    """Read a spec and the specs that it extends. All must lie under `root`, the parent of the first one's folder."""
    source = read_source(path)
    base = source.values.pop("extends", None)
    if base is None:
        return source
    place = source.place(("extends",))
    if not isinstance(base, str) or not RELATIVE_SPEC.fullmatch(base):
        should = "should be the relative path of a .yaml file, with / between folders"
        raise SpecError(f"{place}: extends: {short(base)} {should}")
    chain = (*above, _real(path))
    base_path = path.parent / base
    if _real(base_path) in chain or len(chain) > DEEPEST_EXTENDS:
        raise SpecError(f"{place}: extends: {base} leads back to a spec that extends it; break the loop")
    if not _real(base_path).is_relative_to(root):
        raise SpecError(f"{place}: extends: {base} lies outside {root}; keep what a spec extends near it")
    if not base_path.is_file():
        raise SpecError(f"{place}: extends: there is no file {base_path}{did_you_mean(specs_like(base_path))}")
    below = _with_base(base_path, chain, root)
    below.values.pop("name", None)  # a name is not inherited
    return source.over(below)


def _real(path: Path) -> Path:
    """The path with every symbolic link followed. Path.resolve would raise an error for a loop of links."""
    return Path(os.path.realpath(path))


def leaves(values: dict[str, Any], key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every value that is no section, with its key."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*key, name))
        else:
            yield (*key, name), value
