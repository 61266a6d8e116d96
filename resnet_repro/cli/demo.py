"""The command `demo`, which shows degradation and its fix in a few minutes."""

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
    """Show degradation and its fix in a few minutes: train the quick specs, draw the figures, print a table.

    Trains on CIFAR-10 if the data folder holds it or it can be downloaded, else on synthetic images.
    """
    from resnet_repro.data.cifar10 import fetch_cifar10, find_cifar10
    from resnet_repro.errors import DataError, SpecError
    from resnet_repro.files import make_folder
    from resnet_repro.spec.suite import load_suite
    from resnet_repro.training.device import resolve_device

    if not specs.exists():
        raise SpecError(f"{specs}: there is no such folder; name the one that holds the quick specs")
    load_suite([specs], (), None)  # whatever is wrong is said before anything is downloaded
    resolve_device(device)
    make_folder(results)
    dataset = "cifar10"
    if folder := find_cifar10(data_dir):
        notice(f"trains on CIFAR-10 in {folder}")
    else:
        try:
            notice(f"there is no CIFAR-10 in {data_dir}; downloading it")
            fetch_cifar10(data_dir)
        except DataError as error:
            notice(str(error))
            notice("trains on synthetic images instead; the results are not those of CIFAR-10")
            dataset = "synthetic"
    results = results / dataset
    override = [f"data.dataset={dataset}"]
    train([specs], device=device, results=results, data_dir=data_dir, override=override)
    plot([results])
    table(results)
