"""The command line. Results go to stdout, progress and notices to stderr."""

import functools
import io
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from resnet_repro.cli.bench import bench
from resnet_repro.cli.compare import compare
from resnet_repro.cli.data import check, fetch
from resnet_repro.cli.demo import demo
from resnet_repro.cli.log import log
from resnet_repro.cli.nets import deepen, describe, evaluate, export
from resnet_repro.cli.results import claims, list_runs, plot, report, table
from resnet_repro.cli.specs import experiments, schema
from resnet_repro.cli.streams import keep_streams_usable
from resnet_repro.cli.train import reproduce, train
from resnet_repro.cli.version import show_version
from resnet_repro.errors import SIMPLER, DismissedError, LostRankError, ReproError, notice, print_error
from resnet_repro.training.threads import shorten_waits

app = typer.Typer(
    help="Train plain and residual nets on CIFAR-10, and compare them with the papers' results.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Download CIFAR-10, or check it.", no_args_is_help=True)
app.add_typer(data_app, name="data", rich_help_panel="Data and machine")

COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Train": {"demo": demo, "train": train, "reproduce": reproduce},
    "Read results": {
        "list": list_runs,
        "plot": plot,
        "table": table,
        "compare": compare,
        "claims": claims,
        "report": report,
        "log": log,
    },
    "Specs, nets and weights": {
        "experiments": experiments,
        "schema": schema,
        "describe": describe,
        "evaluate": evaluate,
        "deepen": deepen,
        "export": export,
    },
    "Data and machine": {"bench": bench},
}


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=show_version,
            is_eager=True,
            help="Show the version and commit, torch's version, and the device that `auto` takes.",
        ),
    ] = False,
) -> None:
    """The options of the program itself, which need no command."""


def _expanding(command: Callable[..., None]) -> Callable[..., None]:
    """The command, whose paths may begin with ~ also where no shell expands it: in --results=~/x, or in a variable."""

    @functools.wraps(command)
    def expanded(**options: Any) -> None:
        command(**{name: _expanded(value) for name, value in options.items()})

    return expanded


def _expanded(value: Any) -> Any:
    if isinstance(value, list):
        return [_expanded(part) for part in value]
    return Path(os.path.expanduser(value)) if isinstance(value, Path) else value


def _add(group: typer.Typer, commands: dict[str, Callable[..., None]], panel: str | None = None) -> None:
    """Add commands to a group of them. A list of commands shows the first sentence of each one's docstring."""
    for name, command in commands.items():
        first_sentence = " ".join((command.__doc__ or "").split()).partition(". ")[0].rstrip(".")
        group.command(name, short_help=f"{first_sentence}.", rich_help_panel=panel)(_expanding(command))


for panel, commands in COMMANDS.items():
    _add(app, commands, panel)
_add(data_app, {"fetch": fetch, "check": check})


def main() -> None:
    """Run the command line. A failure that is not a bug prints one line on stderr and exits with 1."""
    shorten_waits()
    logging.getLogger("resnet_repro").handlers = [_NoticeHandler()]
    keep_streams_usable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name of a file may also hold bytes that are no text
            stream.reconfigure(errors=SIMPLER)
    try:
        try:
            app(prog_name="resnet-repro")  # also for `python -m`: completion is installed under this name
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # nobody reads the results any more
        sys.exit(1)
    except DismissedError:
        sys.exit(1)
    except ReproError as error:
        print_error(str(error))
        if isinstance(error, LostRankError):
            os._exit(1)
        sys.exit(1)
    except OSError as error:  # such as a path that is too long, or a folder without read permission
        reason = error.strerror or str(error)
        print_error(f"{error.filename}: {reason}" if error.filename else reason)
        sys.exit(1)


class _NoticeHandler(logging.Handler):
    """Prints the log messages of the package as notices."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())
