"""Values given on the command line: `--set FIELD=VALUE`, `--vary FIELD=A,B,C` and `--name NAME`."""

import json
import re
from collections.abc import Iterable
from typing import Any

import yaml

from resnet_repro.errors import SpecError
from resnet_repro.spec.explain import short
from resnet_repro.spec.yaml_source import Source, parse

DEEPEST_FIELD = 8
EMPTY_VALUE = re.compile(r"(^|,)\s*(,|$)")
UNQUOTED = re.compile(r"[A-Za-z_][\w.]*")  # texts that need no quotes in YAML


def parse_override(text: str) -> Source:
    """The value of `--set FIELD=VALUE`. Raises SpecError."""
    field, value_text = _split(text, f"--set {text}", "section.field=value, for example training.steps=400")
    try:
        value = parse(value_text)[1]
    except (yaml.YAMLError, ValueError):
        raise SpecError(f"--set {text}: {short(value_text)} is not a value") from None
    return given(field, value, f"--set {text}")


def parse_varied(texts: Iterable[str]) -> dict[str, list[Any]]:
    """The values of each field in several `--vary FIELD=A,B,C`. A comma in brackets is part of a value.

    Raises SpecError.
    """
    varied: dict[str, list[Any]] = {}
    for text in texts:
        place = f"--vary {text}"
        field, values_text = _split(text, place, "section.field=A,B, for example training.learning_rate=0.05,0.1")
        if EMPTY_VALUE.search(values_text):
            raise SpecError(f"{place}: has an empty value; give values with commas between them, null for none")
        if field in varied:
            raise SpecError(f"{place}: {field} is varied already; give all its values in one --vary")
        try:
            varied[field] = parse(f"[{values_text}\n]")[1]  # on a line of its own, no comment hides the bracket
        except (yaml.YAMLError, ValueError):
            raise SpecError(f"{place}: {short(values_text)} are not values with commas between them") from None
    return varied


def given(field: str, value: object, place: str) -> Source:
    """One field's value, to be laid over a spec; mistakes in it are said to be at `place`."""
    key = tuple(field.split("."))
    values: dict[str, Any] = {key[-1]: value}
    for part in reversed(key[:-1]):
        values = {part: values}
    return Source(values, {key: place})


def is_field(field: str) -> bool:
    """Whether a text may name a field; the field may not exist."""
    parts = field.split(".")
    return all(parts) and len(parts) <= DEEPEST_FIELD


def written(value: object) -> str:
    """A value as one writes it after `--set FIELD=` or `--vary FIELD=`."""
    if isinstance(value, str) and UNQUOTED.fullmatch(value) and parse(value)[1] == value:
        return value
    return json.dumps(value, separators=(",", ":"), default=str)


def _split(text: str, place: str, should: str) -> tuple[str, str]:
    field, equals, value_text = text.partition("=")
    if not equals or not is_field(field := field.strip()):
        raise SpecError(f"{place}: should be {should}")
    return field, value_text
