"""The command `log`, which shows runs in other programs."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.completion import TRACKERS, one_of
from resnet_repro.cli.options import Nets, Results, ShownSeeds, among, selection
from resnet_repro.errors import notice


def log(
    results: Results,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="|".join(TRACKERS),
            help="TensorBoard, or Weights & Biases; each needs the extra of its name.",
            callback=among(TRACKERS),
            autocompletion=one_of(TRACKERS),
        ),
    ],
    nets: Nets = None,
    seeds: ShownSeeds = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is recorded, until all runs have ended or Ctrl-C.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="The folder for its files; by default `tensorboard` or `wandb` in the first RESULTS."
        ),
    ] = None,
) -> None:
    """Log runs to TensorBoard or Weights & Biases, finished ones or while they train. It only reads run folders."""
    from resnet_repro.log.command import log as log_runs

    if log_runs(results, to, selection(nets, seeds), follow, output, notice):
        raise typer.Exit(130)
