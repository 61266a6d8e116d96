"""What `data check` prints, images per class and whether this is the true CIFAR-10, and the progress of a download."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from resnet_repro.errors import notice
from resnet_repro.text_tables import print_table

if TYPE_CHECKING:
    from resnet_repro.data import Dataset


def print_data(dataset: "Dataset", folder: str, classes: Sequence[str]) -> None:
    counts = [Counter(split.labels.tolist()) for split in (dataset.train, dataset.test)]
    rows = [[name, *(str(count[label]) for count in counts)] for label, name in enumerate(classes)]
    rows.append(["all", *(str(sum(count.values())) for count in counts)])
    print_table(folder, ["class", "training images", "test images"], rows)
    for split, digest in zip(("train", "test"), dataset.digest.split(), strict=True):
        print(f"{split} digest {digest}")
    print("exact: this is the true CIFAR-10" if dataset.exact else "NOT EXACT: this is not the true CIFAR-10")


@contextmanager
def showing_download() -> Iterator[Callable[[str, int], None]]:
    """A function that shows how much has come from which host: by a bar on a terminal, else by a line at the start."""
    from resnet_repro.data.fetch import SIZE

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True, expand=True, disable=not sys.stderr.isatty())
    current = None

    def show(host: str, received: int) -> None:
        nonlocal current
        if host != current:
            if current is None and bar.disable:
                notice(f"downloads CIFAR-10 ({SIZE / 1e6:.0f} MB) from {host}")
            current = host
            bar.reset(task, description=host, completed=received)  # what is there already does not count as speed
        bar.update(task, completed=received)

    with bar:
        task = bar.add_task("", total=SIZE)
        yield show
