"""The base of every section of a spec: frozen and strict. The docstring below a field is its description everywhere.

The message of a rule over several fields opens with the field to change: "depth: 21 is not 6n+2; ...".
"""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

# Every size is capped, so that an untrusted spec cannot exhaust memory.
MOST_STEPS = 10_000_000  # 156 times the paper's
MOST_IMAGES = 200_000  # 3 kB each, several times over while they are drawn
LONGEST_NAME = 120  # characters
LARGEST_SEED = 2**32 - 1
NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class Section(BaseModel):
    """A section of a spec: frozen; unknown fields, wrong types and values that are not finite are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def section_in(annotation: Any) -> type[Section] | None:
    """The section that a field of this type holds, also if it may be None (Warmup | None)."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)


def _cadence(value: object) -> object:
    if value != "epoch" and (type(value) is not int or not 1 <= value <= MOST_STEPS):
        raise ValueError(f"{value!r} should be a number of steps, 1 or more, or 'epoch'; {MOST_STEPS} at the most")
    return value


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | int) else value


def _run_name(name: str) -> str:
    if len(name) > LONGEST_NAME or not all(NAME_PART.fullmatch(part) for part in name.split("/")):
        raise ValueError(
            f"{name[:60]!r} should be letters, digits, '.', '_', '+' and '-', "
            "in folders joined by '/', inside the results folder"
        )
    return name


RunName = Annotated[str, AfterValidator(_run_name)]
Seed = Annotated[int, Field(ge=0, lt=LARGEST_SEED + 1)]
Steps = Annotated[int, Field(gt=0, le=MOST_STEPS)]
Images = Annotated[int, Field(gt=0, le=MOST_IMAGES)]
Cadence = Annotated[int | Literal["epoch"], BeforeValidator(_cadence)]
AsTuple = BeforeValidator(_as_tuple)  # accepts a list of YAML, or a single value as a list of one
