"""The command line. Results go to stdout, progress and notices to stderr."""

import functools
import io
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from resnet_repro.cli.bench import bench
from resnet_repro.cli.data import check, fetch
from resnet_repro.cli.demo import demo
from resnet_repro.cli.experiments import experiments
from resnet_repro.cli.nets import describe, evaluate, export
from resnet_repro.cli.options import notice
from resnet_repro.cli.results import claims, list_runs, plot, report, table
from resnet_repro.cli.streams import keep_streams_usable
from resnet_repro.cli.train import reproduce, train
from resnet_repro.errors import SIMPLER, DismissedError, ReproError, print_error

app = typer.Typer(
    help="Train plain and residual nets on CIFAR-10, and compare them with the papers' results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Download CIFAR-10, or check it.", no_args_is_help=True)
app.add_typer(data_app, name="data")

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "experiments": experiments,
    "plot": plot,
    "table": table,
    "claims": claims,
    "report": report,
    "evaluate": evaluate,
    "export": export,
    "list": list_runs,
    "describe": describe,
    "bench": bench,
    "demo": demo,
    "reproduce": reproduce,
}


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


for name, command in COMMANDS.items():
    app.command(name)(_expanding(command))
for name, command in {"fetch": fetch, "check": check}.items():
    data_app.command(name)(_expanding(command))


def main() -> None:
    """Run the command line. A failure that is not a bug prints one line on stderr and exits with 1."""
    logging.getLogger("resnet_repro").handlers = [_NoticeHandler()]
    keep_streams_usable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name of a file may also hold bytes that are no text
            stream.reconfigure(errors=SIMPLER)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # nobody reads the results any more
        sys.exit(1)
    except DismissedError:
        sys.exit(1)
    except ReproError as error:
        print_error(str(error))
        sys.exit(1)
    except OSError as error:  # such as a path that is too long, or a folder without read permission
        reason = error.strerror or str(error)
        print_error(f"{error.filename}: {reason}" if error.filename else reason)
        sys.exit(1)


class _NoticeHandler(logging.Handler):
    """Prints the log messages of the package as notices."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())
