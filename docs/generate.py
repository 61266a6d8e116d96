"""Writes the pages that come from the code: `make docs`. A test fails when one of them is stale.

docs/commands.md         from the command line's own help, by Typer
docs/spec.md             from the descriptions of the fields in resnet_repro/spec/
experiments/schema.json  the same as JSON Schema, for editors
docs/figures/units.svg   the drawing of a plain and a residual unit, by resnet_repro/figures/units.py
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from resnet_repro.cli.show.sources import source_lines
from resnet_repro.figures.units import units_svg
from resnet_repro.files import to_json
from resnet_repro.papers import PAPERS
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, ProbesSpec, StartSpec, TrainingSpec, Warmup
from resnet_repro.spec.schema import spec_schema
from resnet_repro.spec.section import Section

REPOSITORY = Path(__file__).parent.parent
SECTIONS: dict[str, type[Section]] = {
    "model": ModelSpec,
    "data": DataSpec,
    "training": TrainingSpec,
    "training.warmup": Warmup,
    "probes": ProbesSpec,
    "start": StartSpec,
}


def main() -> None:
    for name, text in pages().items():
        (REPOSITORY / name).write_text(text)
        print(name)


def pages() -> dict[str, str]:
    """Each page's path in the repository, and its text."""
    return {
        "docs/commands.md": commands(),
        "docs/spec.md": spec(),
        "experiments/schema.json": to_json(spec_schema()),
        "docs/figures/units.svg": units_svg(),
    }


def commands() -> str:
    """Every command and option. Raises CalledProcessError if Typer cannot load the command line."""
    command = [sys.executable, "-m", "typer", "resnet_repro.cli", "utils", "docs", "--name", "resnet-repro"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    head = "<!-- Made by `make docs` from resnet_repro/cli/. Edit the help texts there. -->\n\n"
    return head + text.replace("&#x27;", "'").replace("&quot;", '"').strip() + "\n"


def spec() -> str:
    """Every field of a spec: its default, its values and what it does."""
    lines = [
        "<!-- Made by `make docs` from resnet_repro/spec/. Edit the field descriptions there. -->",
        "",
        "# The fields of a spec",
        "",
        "A spec is a YAML file that holds only what differs from the paper's recipe; every field but `model.depth`",
        "has a default. `extends: other.yaml` starts from another spec. `--set section.field=value` overrides a field",
        "on the command line. [experiments](../experiments/README.md) has a spec for every CIFAR-10 net of the papers.",
        "",
        "A mistake is answered with its file, line and field and the nearest valid choice. Editors with a YAML",
        "language server, such as VS Code with its YAML extension, mark it while you type, complete the fields and",
        "show these descriptions. They find the JSON Schema by a comment above the first field, as in all our specs:",
        "`# yaml-language-server: $schema=schema.json`, with the path of the schema as seen from the spec. For specs",
        "of your own, `resnet-repro schema > schema.json` writes it.",
        "",
        *(f"- {line}" for line in source_lines(markdown=True)),
        "",
        "## At the top",
        "",
        *_table("", Experiment),
    ]
    for name, section in SECTIONS.items():
        lines += ["", f"## `{name}`", "", " ".join((section.__doc__ or "").split()), "", *_table(f"{name}.", section)]
    return "\n".join([*lines, "", *(f"[{letter}]: {paper.url}" for letter, paper in PAPERS.items())]) + "\n"


def _table(prefix: str, section: type[Section]) -> Iterator[str]:
    yield "| field | default | values | what it does |"
    yield "| --- | --- | --- | --- |"
    for name, field in section.model_fields.items():
        if f"{prefix}{name}" not in SECTIONS or field.annotation is not SECTIONS[f"{prefix}{name}"]:
            about = " ".join((field.description or "").split())
            default = "the file's" if prefix + name == "name" else _default(field)
            yield f"| `{prefix}{name}` | {default} | {_values(field)} | {about} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "depends"  # the description says on what
    if field.default in (None, ()):
        return "–"
    return f"`{str(field.default).lower()}`"  # `true` of YAML, not Python's True


def _values(field: FieldInfo) -> str:
    return _limited(_type(field.annotation), field.metadata)


def _type(annotation: Any) -> str:
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _limited(_type(inner[0]), inner[1:])
    if kind is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if kind in (Union, UnionType):
        return " or ".join(_type(part) for part in inner if part is not type(None))
    if kind is tuple:
        return f"a list of {_type(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "a section"
    return {int: "integer", float: "number", bool: "`true`, `false`", str: "text"}[annotation]


def _limited(kind: str, metadata: Iterable[object]) -> str:
    """A type with its limits, "integer > 0, ≤ 10,000"."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    limits = [
        f"{sign} {getattr(limit, name):,}"
        for part in metadata
        for limit in getattr(part, "metadata", [part])  # of a Field inside Annotated
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return " ".join([kind, ", ".join(limits)]).strip()


if __name__ == "__main__":
    main()
