"""What every section of a spec is: frozen and strict. A rule over several fields opens with the field to change."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _cadence(value: object) -> object:
    if value != "epoch" and (type(value) is not int or value < 1):
        raise ValueError(f"{value!r} should be a number of steps, 1 or more, or 'epoch'")
    return value


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | int) else value


Cadence = Annotated[int | Literal["epoch"], BeforeValidator(_cadence)]
AsTuple = BeforeValidator(_as_tuple)  # YAML's lists, and a lone value as a list of one
