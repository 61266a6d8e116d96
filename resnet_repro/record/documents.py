"""What `environment.json` and `summary.json` hold, checked as they are read: they may come from anyone.

Keys that are unknown here are kept, as other versions write other ones.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from resnet_repro.errors import RunError, printable
from resnet_repro.files import read_json

Status = Literal["finished", "diverged", "interrupted"]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=200), AfterValidator(printable)]  # goes to terminals and into figures
LENIENT = ConfigDict(extra="allow", strict=True)


class _Data(TypedDict, total=False):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # how pydantic has it
    name: Name
    exact: bool
    digest: str


class _Segment(TypedDict, total=False):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # how pydantic has it
    device_name: Name
    data: _Data
    versions: dict[str, Any]
    git: dict[str, Any] | None


class _Environment(_Segment, total=False):
    resumed: list[_Segment]


class _Ended(TypedDict):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # how pydantic has it
    status: Status
    steps: Count


class _Summary(_Ended, total=False):
    data: _Data


def read_environment(path: Path) -> dict[str, Any]:
    """Empty if there is no file. Raises RunError, naming the field, if it is not what a run writes."""
    return _read(path, _ENVIRONMENT)


def read_summary(path: Path) -> dict[str, Any]:
    """Empty if there is no file, as while a run goes on. Raises RunError, naming the field."""
    return _read(path, _SUMMARY)


_ENVIRONMENT, _SUMMARY = TypeAdapter[Any](_Environment), TypeAdapter[Any](_Summary)


def _read(path: Path, kind: TypeAdapter[Any]) -> dict[str, Any]:
    values = read_json(path)
    if values is None:
        return {}
    try:
        return kind.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise RunError(f"{path}: {field}: {first['msg'].replace('Input should', 'should')}; restore the file") from None
