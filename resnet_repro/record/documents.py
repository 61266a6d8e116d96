"""Reads `environment.json` and `summary.json` and checks their fields, as the files may come from strangers.

Unknown keys are kept, because other versions may write them.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12

from resnet_repro.errors import RunError, printable
from resnet_repro.files import LARGEST_JSON, parse_json, read_json

Status = Literal["finished", "diverged", "interrupted"]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=200), AfterValidator(printable)]  # shown on terminals and in figures
Percent = Annotated[float, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
LENIENT = ConfigDict(extra="allow", strict=True)


class _Data(TypedDict, total=False):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # pydantic reads it so
    name: Name
    exact: bool
    digest: Name


class _Start(TypedDict, total=False):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # pydantic reads it so
    run: Name
    weights_sha256: Name
    depth: Count
    steps: Count


class _Segment(TypedDict, total=False):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # pydantic reads it so
    device_name: Name
    precision: Name
    data: _Data
    versions: dict[str, Any]
    git: dict[str, Any] | None
    imported: dict[Name, Name]
    start: _Start


class _Environment(_Segment, total=False):
    resumed: list[_Segment]


class _Ended(TypedDict):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # pydantic reads it so
    status: Status
    steps: Count


class _LastEpoch(TypedDict):
    __pydantic_config__ = LENIENT  # type: ignore[misc]  # pydantic reads it so
    train_loss: float
    train_error_pct: Percent


class _Summary(_Ended, total=False):
    data: _Data
    last_epoch: _LastEpoch
    parameters: Count
    total_seconds: Seconds


def read_environment(path: Path) -> dict[str, Any]:
    """The content of environment.json, empty if there is no file. Raises RunError with the first wrong field."""
    return _read(path, _ENVIRONMENT)


def readable_environment(path: Path) -> dict[str, Any]:
    """The same, but empty too if the file is damaged: a checkpoint restores it."""
    try:
        return read_environment(path)
    except RunError:
        return {}


def parse_environment(content: bytes) -> dict[str, Any]:
    """The same from the content of the file. Raises ValueError."""
    if len(content) > LARGEST_JSON:
        raise ValueError("too large")
    environment: dict[str, Any] = _ENVIRONMENT.validate_python(parse_json(content.decode()))
    return environment


def read_summary(path: Path) -> dict[str, Any]:
    """The content of summary.json, empty if there is no file (yet). Raises RunError with the first wrong field."""
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
