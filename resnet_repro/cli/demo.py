"""The command that shows it all in a few minutes: `demo`."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import DataDir, Device, ResultsOption, notice
from resnet_repro.cli.results import plot, table
from resnet_repro.cli.train import train


def demo(
    specs: Annotated[Path, typer.Argument(metavar="SPECS", help="The folder of quick specs.")] = Path(
        "experiments/quick"
    ),
    device: Device = "auto",
    results: ResultsOption = Path("results/demo"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Degradation and its fix in a few minutes: data, the quick specs, the figures, and a small table.

    Trains on CIFAR-10 if it is there or can be downloaded, else on the synthetic stand-in.
    """
    from resnet_repro.data.cifar10 import fetch_cifar10, find_cifar10
    from resnet_repro.errors import DataError

    dataset = "cifar10"
    if folder := find_cifar10(data_dir):
        notice(f"trains on CIFAR-10 in {folder}")
    else:
        try:
            notice(f"there is no CIFAR-10 in {data_dir}; downloading it")
            fetch_cifar10(data_dir)
        except DataError as error:
            notice(str(error))
            notice("trains on the synthetic stand-in instead; its numbers are not CIFAR-10's")
            dataset = "synthetic"
    results = results / dataset
    override = [f"data.dataset={dataset}"]
    train([specs], device=device, results=results, data_dir=data_dir, override=override)
    plot([results])
    table(results)
