"""The JSON Schema of a spec file, from which editors complete, explain and check one while it is written."""

from collections.abc import Iterator
from typing import Any

from resnet_repro.spec.experiment import Experiment
from resnet_repro.spec.section import Section, section_in

EXTENDS = "Relative path of a spec whose values are used where this one gives none."


def spec_schema() -> dict[str, Any]:
    """The schema of what a file may hold: any of the fields, also none of them, and `extends`.

    Nothing is required, as the name is the file's own, and a spec that extends another may leave out the model.
    """
    schema = Experiment.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "A spec of resnet-repro"
    schema["properties"]["extends"] = {"type": "string", "description": EXTENDS}
    for section in (schema, *schema["$defs"].values()):
        section.pop("required", None)
        section["properties"] = {name: _or_one(field) for name, field in section["properties"].items()}
    return schema


def _or_one(field: dict[str, Any]) -> dict[str, Any]:
    """A field that takes a list takes a single value too, as a list of one."""
    if "items" not in field:
        return field
    several = {key: field.pop(key) for key in ("type", "items", "maxItems") if key in field}
    return {**field, "anyOf": [several, several["items"]]}


def spec_fields() -> dict[str, str]:
    """The description of every field that is no section, by its name as after `--set`: "model.depth"."""
    return dict(_fields(Experiment, ""))


def _fields(section: type[Section], prefix: str) -> Iterator[tuple[str, str]]:
    for name, info in section.model_fields.items():
        if inner := section_in(info.annotation):
            yield from _fields(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, info.description or ""
