"""What several commands take, and how they speak to the person who called them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from resnet_repro.errors import printable

T = TypeVar("T")

Specs = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Spec files, or folders of them.")]
Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="A folder that holds run folders.")]
ResultsOption = Annotated[Path, typer.Option("--results", help="The folder that run folders go into.")]
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="RESNET_REPRO_DATA", help="The folder that holds CIFAR-10.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Fuse the operations of each unit with torch.compile.")]
Override = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Override a field of every spec: training.steps=400."),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Markdown on stdout.")]
Jobs = Annotated[
    str, typer.Option(metavar="N|auto", help="Runs side by side on each device; auto: as many as suit the machine.")
]
TimeLimit = Annotated[str | None, typer.Option(metavar="TIME", help="Stop after this time, resumably: 8h, 90m, 1h30m.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run, and how long it may take.")]
Json = Annotated[bool, typer.Option("--json", help="Plain JSON on stdout.")]


def parsed(parse: Callable[[str], T], text: str) -> T:
    """What an option says; a ValueError is a wrong usage of it."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def notice(text: str) -> None:
    print(f"note: {printable(text)}", file=sys.stderr)
