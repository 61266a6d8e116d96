"""Commands about stored weights: `evaluate` and `export`."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import DataDir, Device, Json

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as results/plain20/seed-0.")]


def evaluate(
    run: RunArgument,
    data_dir: DataDir = Path("data"),
    device: Device = "auto",
    output: Annotated[Path | None, typer.Option("--output", help="A folder to draw the confusion matrix into.")] = None,
    as_json: Json = False,
) -> None:
    """Test the final weights of a run: error, by class, and what is taken for what."""
    from resnet_repro import evaluating
    from resnet_repro.evaluation_output import print_evaluation, save_confusion
    from resnet_repro.files import to_json

    found = evaluating.evaluate_run(run, data_dir, device)
    if as_json:
        print(to_json(evaluating.evaluation_json(found)), end="")
    else:
        print_evaluation(found)
    for path in save_confusion(found, output) if output else ():
        typer.echo(path, err=as_json)


def export(
    run: RunArgument,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The folder to make.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Make a folder with the net of a run that others can load with PyTorch alone, and a model card."""
    from resnet_repro.exporting import export_run

    for path in export_run(run, output, data_dir):
        print(path)
