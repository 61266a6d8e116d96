"""Variations of an experiment: every combination of some fields' values, each under a name that says what differs."""

import hashlib
import itertools
import json
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from resnet_repro.errors import SpecError
from resnet_repro.spec.experiment import Experiment
from resnet_repro.spec.file import as_source, differing_fields, leaves, validated
from resnet_repro.spec.overriding import given, is_field, written
from resnet_repro.spec.schema import spec_fields
from resnet_repro.spec.section import LONGEST_NAME, section_in
from resnet_repro.spec.yaml_source import Source, parse

MOST_COMBINATIONS = 1000
LONGEST_BASE = 90  # characters of the name that is varied; the rest says what differs
MOST_SUGGESTED = 3  # fields; more of them are no variation, but another spec
# Texts that stand in a name as they are. Capitals do not, as some file systems take them for small letters; one letter
# alone is a choice such as `option: A`.
PLAIN = re.compile(r"[a-z0-9_.]*[a-z0-9_]|[A-Z]")
REMEDIES = {
    "seed": "makes no other experiment; give seeds with --seeds 0-4, in Python with train(..., seeds=range(5))",
    "name": "each combination gets a name that says what differs; --name NAME changes how these names begin",
}


def vary(experiment: Experiment, fields: Mapping[str, Iterable[object]]) -> list[Experiment]:
    """Every combination of the values of some fields, each as an experiment of its own.

        vary(load_spec("resnet20"), {"training.learning_rate": [0.05, 0.1], "training.batch_size": [64, 128]})

    `fields` has the values of each field, by its name as after `--vary` and `--set`. The last field changes fastest.
    Each name is that of `experiment` and what differs: `resnet20-batch_size-64-learning_rate-0.05`. It depends on
    these fields and values alone, not on their order or on how a number was written. Defaults that follow from a varied
    field, such as the milestones from `training.steps`, are those of the varied value.

    Raises SpecError for an unknown field, for `name` and `seed`, for a value that is wrong or there twice, and for a
    combination that is invalid.
    """
    return variations(as_source(experiment), fields)


def variations(source: Source, fields: Mapping[str, Iterable[object]]) -> list[Experiment]:
    """The combinations as from `vary`, of a spec that need not be valid before its fields are varied."""
    values = {field: _checked(field, several) for field, several in fields.items()}
    if not values:
        return [validated(source)]
    for field in values:
        if whole := next((other for other in values if field.startswith(f"{other}.")), None):
            raise SpecError(f"--vary {field}: is a part of {whole}, which is varied too; vary one of them")
    if (count := math.prod(map(len, values.values()))) > MOST_COMBINATIONS:
        raise SpecError(f"--vary: makes {count:,} combinations; at most {MOST_COMBINATIONS:,} are possible")
    found: dict[str, Experiment] = {}
    options: dict[str, str] = {}
    for chosen in itertools.product(*values.values()):
        combination = dict(zip(values, chosen, strict=True))
        option = _options(combination)
        experiment = _combined(source, combination, option)
        name = _name(experiment, sorted(combination))
        if name in found:
            also = f", also as {options[name]}" if options[name] != option else ""
            raise SpecError(f"{option}: is there twice{also}; give each value once")
        found[name], options[name] = experiment.model_copy(update={"name": name}), option
    return list(found.values())


def place_for(ours: Experiment, theirs: Experiment) -> str:
    """The options of `train` that give our experiment a folder beside that of another one with its name."""
    values = {".".join(key): value for key, value in leaves(as_source(ours).values)}
    differing = {field: values[field] for field in differing_fields([ours, theirs]) if field in values}
    suggested = {field: value for field, value in differing.items() if field not in REMEDIES}
    varied = _options(suggested) if len(suggested) <= MOST_SUGGESTED else ""
    return f"{varied} (in place of --set) or --name NAME" if varied else "--name NAME"


def _checked(field: str, values: Iterable[object]) -> Sequence[object]:
    place = f"--vary {field}"
    if not is_field(field):
        raise SpecError(f"{place}: should be a field such as training.learning_rate")
    if remedy := REMEDIES.get(field):
        raise SpecError(f"{place}: {remedy}")
    info = Experiment.model_fields.get(field)
    if info and (section := section_in(info.annotation)):
        raise SpecError(f"{place}: is a section; vary its fields, such as {field}.{next(iter(section.model_fields))}")
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise SpecError(f"{place}: {written(values)} should be a list of values")
    plain = [value.tolist() if hasattr(value, "tolist") else value for value in values]  # numbers of numpy
    if not plain:
        raise SpecError(f"{place}: has no values; give one or more")
    return plain


def _options(combination: Mapping[str, object]) -> str:
    return " ".join(f"--vary {shlex.quote(f'{field}={written(value)}')}" for field, value in combination.items())


def _combined(source: Source, combination: Mapping[str, object], option: str) -> Experiment:
    """The experiment of one combination. An error names the combination, unless the spec alone has it as well."""
    combined = source
    for field, value in combination.items():
        combined = given(field, value, option).over(combined)
    try:
        return validated(combined)
    except SpecError as error:
        message = str(error)
    if not message.startswith(option):
        message = f"{option}: {message}" if message != _mistake_in(source) else message
    raise SpecError(message)


def _mistake_in(source: Source) -> str:
    try:
        validated(source)
    except SpecError as error:
        return str(error)
    return ""


def _name(experiment: Experiment, fields: Sequence[str]) -> str:
    """The experiment's name and the values of these fields, by which no two values of a field get the same name.

    What cannot stand in the name of a folder, or is too long for it, is replaced, and the name ends in a digest of the
    values. It is then still the same for the same values.
    """
    if len(experiment.name) > LONGEST_BASE:
        raise SpecError(
            f"name: {experiment.name[:20]}... leaves no room for what differs; choose another of at most "
            f"{LONGEST_BASE} characters with --name"
        )
    dumped = experiment.model_dump(mode="json")
    values: dict[str, Any] = {field: reduce(getitem, field.split("."), dumped) for field in fields}
    short = short_names()
    differs = "-".join(
        f"{short.get(field, field.rpartition('.')[2])}-{_text(value)}" for field, value in values.items()
    )
    room = LONGEST_NAME - len(experiment.name) - 1
    if len(differs) > room or not all(map(_is_plain, values.values())):
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
        differs = f"{re.sub('[^A-Za-z0-9._+-]', '_', differs)[: room - 9]}-{digest}"
    return f"{experiment.name}-{differs}"


def short_names() -> dict[str, str]:
    """The end of each field's name that stands for it: "learning_rate", "warmup.learning_rate".

    It is the shortest one that no field before it in the spec has, so that no two fields share one.
    """
    names: dict[str, str] = {}
    for field in spec_fields():
        parts = field.split(".")
        endings = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        names[field] = next(ending for ending in endings if ending not in names.values())
    return names


def _text(value: Any) -> str:
    match value:
        case dict():
            return "-".join(f"{name}-{_text(inner)}" for name, inner in value.items() if inner is not None)
        case list():
            return "+".join(map(_text, value)) or "none"
        case float():  # 0.1, 1e-5 and 2, not 1e-05 and 2.0; -0.0 is 0
            return re.sub(r"e\+?(-?)0*", r"e\1", repr(value or 0.0).removesuffix(".0"))
        case str():
            return value
        case _:
            return written(value)  # null, true, 400


def _is_plain(value: Any) -> bool:
    """Whether texts in a value can stand in a name as they are, and are not taken for a number, null or a boolean."""
    if isinstance(value, dict | list):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, str) or (bool(PLAIN.fullmatch(value)) and parse(value)[1] == value)
