"""The command `demo`, which shows degradation and its fix in a few minutes."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import DataDir, Device, ResultsOption
from resnet_repro.cli.results import plot, table
from resnet_repro.errors import notice

MOST_SECONDS = 300.0  # that the demo waits for a download
STAND_IN = "trains on synthetic images instead; the results are not those of CIFAR-10"


def demo(
    specs: Annotated[
        Path | None,
        typer.Argument(metavar="SPECS", help="A folder of quick specs, in place of those that the package carries."),
    ] = None,
    device: Device = "auto",
    results: ResultsOption = Path("results/demo"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Show degradation and its fix in a few minutes: train the quick specs side by side, draw figures, print a table.

    Trains on CIFAR-10 if the data folder holds it or it can be downloaded in five minutes, else on synthetic images.
    """
    from resnet_repro.cli.show.data import showing_download
    from resnet_repro.data.cifar10 import find_cifar10
    from resnet_repro.data.download import SlowError
    from resnet_repro.data.fetch import fetch_cifar10
    from resnet_repro.errors import DataError
    from resnet_repro.files import make_folder
    from resnet_repro.launch import command
    from resnet_repro.launch.tasks import find_tasks
    from resnet_repro.runner.options import TrainOptions
    from resnet_repro.spec.carried import carried_names
    from resnet_repro.spec.suite import load_suite
    from resnet_repro.training.device import resolve_device

    specs = specs or carried_names()["quick"]
    load_suite([specs], (), None)  # whatever is wrong is said before anything is downloaded
    resolve_device(device)
    make_folder(results)
    dataset = "synthetic"
    if folder := find_cifar10(data_dir):
        notice(f"trains on CIFAR-10 in {folder}")
        dataset = "cifar10"
    else:
        notice(f"there is no CIFAR-10 in {data_dir}; downloading it")
        try:
            with showing_download() as report:
                fetch_cifar10(data_dir, report=report, longest=MOST_SECONDS)
            dataset = "cifar10"
        except SlowError as error:
            notice(
                f"downloading CIFAR-10 would take {error.estimate}; {STAND_IN}; 'resnet-repro data fetch' waits for it"
            )
        except DataError as error:
            notice(str(error))
            notice(STAND_IN)
    results = results / dataset
    options = TrainOptions(results, data_dir, device, "auto")
    tasks = find_tasks(load_suite([specs], [f"data.dataset={dataset}"], None), options)
    command.announce(tasks, options, notice)
    if code := command.train(tasks, options, notice):
        raise typer.Exit(code)
    plot([results])
    table([results])
