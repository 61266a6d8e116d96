"""Names that a user's own file has added to the package's tables, which specs may then hold as values.

Nothing here runs such a file: `runner/imported.py` does, if a command was given it with `--import`.
"""

import hashlib
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import GetCoreSchemaHandler, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler
from pydantic_core import PydanticCustomError, core_schema

from resnet_repro.errors import SpecError
from resnet_repro.nearest import did_you_mean, listed, nearest
from resnet_repro.spec.section import Section

IMPORTED = "imported"  # the folder inside a run folder that has the copies of these files
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
READING = {"reading": True}  # pydantic's context for specs of runs that are only read: any name is valid
MOST_COPIES = 5
LARGEST = 1_000_000  # bytes of such a file


class OwnFile(NamedTuple):
    """A Python file of the user, as it was read when the command started."""

    path: Path
    content: bytes

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Use(NamedTuple):
    """A name that an experiment takes from a file of the user."""

    field: str
    name: str
    file: OwnFile


ADDED: dict[str, dict[str, OwnFile]] = {}  # {"model.shortcut": {"rezero": the file that added it}}


@dataclass(frozen=True)
class Grows:
    """Marks a field, such as "model.shortcut", whose choices grow by the names that files of the user add."""

    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def validate(value: object, literal: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
            added = ADDED.get(self.field, {})
            if isinstance(value, str) and (value in added or (info.context == READING and NAME.fullmatch(value))):
                return value
            try:
                return literal(value)
            except ValidationError:
                expected = listed([repr(name) for name in (*get_args(source), *added)], "or")
                raise PydanticCustomError(
                    "literal_error", "Input should be {expected}", {"expected": expected}
                ) from None

        return core_schema.with_info_wrap_validator_function(
            validate, handler(source), serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


def growing(section: type[Section]) -> dict[str, tuple[str, ...]]:
    """The package's own choices of each field of a section whose choices grow."""
    found = {}
    for name, field in section.model_fields.items():
        for kind in (field, *get_args(field.annotation)):  # the field itself, or the parts of its list
            if any(isinstance(part, Grows) for part in getattr(kind, "metadata", getattr(kind, "__metadata__", ()))):
                found[name] = get_args(getattr(kind, "__origin__", None) or field.annotation)
    return found


def is_own(section: Section, field: str) -> bool:
    """Whether the value of a field is none of the package's own choices."""
    return getattr(section, field) not in growing(type(section))[field]


def uses(experiment: Section) -> Iterator[Use]:
    """The names that an experiment takes from files of the user."""
    for field, added in ADDED.items():
        section, _, name = field.partition(".")
        value = getattr(getattr(experiment, section), name)
        for own in (value,) if isinstance(value, str) else value:
            if own in added:
                yield Use(field, own, added[own])


def used_files(experiment: Section) -> list[OwnFile]:
    """The files whose names an experiment holds."""
    return sorted({use.file for use in uses(experiment)})


def check_known(section: Section, name: str, spec: Path | None = None) -> None:
    """Raise SpecError if a section of a spec that was only read holds a name which no table has.

    `name` is that of the section; `spec` is the file, beside which a run keeps the copies of the user's files.
    """
    for field in growing(type(section)):
        value = getattr(section, field)
        if is_own(section, field) and value not in ADDED.get(f"{name}.{field}", {}):
            place = f"{spec}: " if spec else ""
            raise SpecError(f"{place}{name}.{field}: {value!r} is not in the package{remedy(value, (), spec)}")


def remedy(value: object, choices: tuple[str, ...], spec: Path | None) -> str:
    """The end of a message about a name that no table has: the nearest one, or which file to import."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        return ""
    if close := nearest(value, choices, most=1):
        return did_you_mean(close)
    copies: list[Path] = []
    if spec:
        with suppress(OSError, ValueError):
            copies = sorted((spec.parent / IMPORTED).glob("*.py"))[:MOST_COPIES]
    if not copies:
        return "; a name of your own needs --import with the file that adds it"
    options = " ".join(f"--import {shlex.quote(path.as_posix())}" for path in copies)
    return f"; if you trust the file that its run has kept, add {options}"
