"""The command line: each command parses, calls, prints. Results go to stdout, progress and notices to stderr."""

import logging
import sys
from collections.abc import Callable

import typer

from resnet_repro.cli.bench import bench
from resnet_repro.cli.data import check, fetch
from resnet_repro.cli.demo import demo
from resnet_repro.cli.nets import describe, evaluate, export
from resnet_repro.cli.options import notice
from resnet_repro.cli.results import claims, list_runs, plot, report, table
from resnet_repro.cli.train import reproduce, train
from resnet_repro.errors import DismissedError, ReproError, print_error

app = typer.Typer(
    help="Reproduce plain-versus-residual learning on CIFAR-10: train the nets, plot the curves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Get CIFAR-10, or check what is there.", no_args_is_help=True)
app.add_typer(data_app, name="data")

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
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
for name, command in COMMANDS.items():
    app.command(name)(command)
for name, command in {"fetch": fetch, "check": check}.items():
    data_app.command(name)(command)


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    logging.getLogger("resnet_repro").handlers = [_NoticeHandler()]
    try:
        app()
    except DismissedError:
        sys.exit(1)
    except ReproError as error:
        print_error(str(error))
        sys.exit(1)
    except OSError as error:  # a path that is too long, a folder that may not be read
        print_error(f"{error.filename}: {error.strerror or error}")
        sys.exit(1)


class _NoticeHandler(logging.Handler):
    """Shows what the package has to say, such as what was chosen instead of what was asked for."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())
