"""The commands for CIFAR-10: `data fetch` and `data check`."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import DataDir
from resnet_repro.errors import notice

INSTEAD = (
    "Use one of: another address (--url URL); a folder that already has CIFAR-10 (--data-dir DIR); "
    "synthetic images, which need no network (resnet-repro train SPEC --set data.dataset=synthetic)"
)


def fetch(
    data_dir: DataDir = Path("data"),
    url: Annotated[str | None, typer.Option(help="Another URL of cifar-10-python.tar.gz, or its path.")] = None,
) -> None:
    """Download CIFAR-10 (170 MB), unless the folder holds it already. A download that broke off is resumed."""
    from resnet_repro.cli.show.data import showing_download
    from resnet_repro.data.cifar10 import find_cifar10, open_cifar10
    from resnet_repro.data.fetch import fetch_cifar10
    from resnet_repro.errors import DataError

    if find_cifar10(data_dir):
        folder, _ = open_cifar10(data_dir)  # raises if it is damaged
        notice(f"{folder} is already complete; nothing to download")
    else:
        try:
            with showing_download() as report:
                folder = fetch_cifar10(data_dir, url, report)
        except DataError as error:
            raise DataError(f"{error}. {INSTEAD}") from None
    print(folder)


def check(data_dir: DataDir = Path("data")) -> None:
    """Print the number of images of each class, and whether this is the true CIFAR-10."""
    from resnet_repro.cli.show.data import print_data
    from resnet_repro.data.cifar10 import CLASSES, open_cifar10

    folder, dataset = open_cifar10(data_dir)
    print_data(dataset, str(folder), CLASSES)
