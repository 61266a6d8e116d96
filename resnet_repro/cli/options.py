"""The options that several commands share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, cast, get_args

import typer

from resnet_repro.cli.completion import DEVICES, STYLES, carried_specs, fields_to_set, nets_to_show, one_of
from resnet_repro.cli.values import parse_seeds
from resnet_repro.launch import DATA_DIR_VARIABLE
from resnet_repro.nearest import listed

if TYPE_CHECKING:
    from resnet_repro.analysis.selection import Selection
    from resnet_repro.spec.own import OwnFile

T = TypeVar("T")
Format = Literal["text", "markdown", "latex", "csv", "json"]  # of what a command prints


def among(values: tuple[str, ...]) -> Callable[[str], str]:
    """As `callback` of an option, lets only these values pass; another one is wrong usage (exit code 2)."""

    def checked(value: str) -> str:
        if value not in values:
            raise typer.BadParameter(f"{value} should be {listed(values, 'or')}")
        return value

    return checked


# The panels of `--help` in which options stand, beside "Options".
RUNS, FOLDERS, MACHINE, LIMITS = "Which runs", "Folders", "Machine", "Limits"

SPECS = (
    "Spec files, folders of them, or names that the command experiments lists: quick/plain20, or quick for all of it."
)
Specs = Annotated[list[Path], typer.Argument(metavar="SPEC", help=SPECS, autocompletion=carried_specs)]
Results = Annotated[
    list[Path],
    typer.Argument(metavar="RESULTS", help="Folders that hold run folders; the runs of all of them are read together."),
]
Nets = Annotated[
    list[str] | None,
    typer.Option(
        "--nets",
        metavar="NAMES",
        help="Only these nets, by the names in their specs, or by patterns: plain20,'quick/*'.",
        autocompletion=nets_to_show,
        rich_help_panel=RUNS,
    ),
]
ShownSeeds = Annotated[
    str | None,
    typer.Option("--seeds", metavar="SEEDS", help="Only these seeds: 0-4 or 0,2,5.", rich_help_panel=RUNS),
]
Title = Annotated[str, typer.Option("--title", metavar="TEXT", help="A title above everything that is shown.")]
ResultsOption = Annotated[
    Path, typer.Option("--results", help="The folder for the run folders.", rich_help_panel=FOLDERS)
]
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir", envvar=DATA_DIR_VARIABLE, help="The folder that holds CIFAR-10.", rich_help_panel=FOLDERS
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:1 or mps.",
        autocompletion=one_of(DEVICES),
        rich_help_panel=MACHINE,
    ),
]
Compiled = Annotated[
    bool,
    typer.Option("--compile", help="Fuse the operations of each unit with torch.compile.", rich_help_panel=MACHINE),
]
Override = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Override a field of every spec: training.steps=400.",
        autocompletion=fields_to_set,
    ),
]
Import = Annotated[
    list[Path] | None,
    typer.Option(
        "--import",
        metavar="FILE.py",
        help="A Python file of yours to run first; specs may name the shortcut, unit or data set that it adds.",
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Markdown on stdout.")]
Latex = Annotated[bool, typer.Option("--latex", help="LaTeX for papers on stdout, with booktabs.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV on stdout: the numbers, for spreadsheets and data frames.")]
FigureStyle = Annotated[
    str,
    typer.Option(
        "--style",
        metavar="|".join(STYLES),
        help="Sizes and fonts for a screen, for a column of a paper, or for slides.",
        callback=among(STYLES),
        autocompletion=one_of(STYLES),
    ),
]
Jobs = Annotated[
    str,
    typer.Option(
        metavar="N|auto",
        help="Runs side by side on each device; auto: as many as suit the machine.",
        autocompletion=one_of(("auto",)),
        rich_help_panel=MACHINE,
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="ray[=HOST:PORT]",
        help="Train on a Ray cluster that runs already: that of RAY_ADDRESS or of this machine, or the one named.",
        rich_help_panel=MACHINE,
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop after this time, resumably: 8h, 90m or 1h30m.", rich_help_panel=LIMITS),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show the runs that would train, and how long they may take.", rich_help_panel=RUNS),
]
Json = Annotated[bool, typer.Option("--json", help="Plain JSON on stdout.")]


def one_format(**asked: bool) -> Format:
    """The format that is asked for by an option of its name, or text. Two of them are wrong usage (exit code 2)."""
    chosen = [name for name in get_args(Format) if asked.get(name)]
    if len(chosen) > 1:
        raise typer.BadParameter(f"{' and '.join(f'--{name}' for name in chosen)}: ask for one format at a time")
    return cast("Format", chosen[0] if chosen else "text")


def parsed(parse: Callable[[str], T], text: str) -> T:
    """The parsed text of an option; a ValueError of `parse` becomes wrong usage (exit code 2)."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def import_files(files: list[Path] | None) -> tuple["OwnFile", ...]:
    """Run the files of --import. Raises RunError."""
    if not files:
        return ()
    from resnet_repro.runner.imported import import_file

    return tuple(import_file(file) for file in files)


def selection(nets: Sequence[str] | None, seeds: str | None) -> "Selection":
    """The runs that --nets and --seeds choose."""
    from resnet_repro.analysis.selection import Selection

    names = [name.strip() for text in nets or () for name in text.split(",")]
    return Selection(names, parsed(parse_seeds, seeds) if seeds is not None else ())
