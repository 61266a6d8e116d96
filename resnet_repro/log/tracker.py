"""What TensorBoard and W&B have in common, and how their packages are loaded."""

import importlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from resnet_repro.errors import RunError
from resnet_repro.files import check_within, make_folder
from resnet_repro.log.pictures import Picture
from resnet_repro.log.series import Point
from resnet_repro.record.finding import is_run_folder
from resnet_repro.record.run import Run

ELSEWHERE = "choose another --output"


class Tracker(Protocol):
    """Where runs are logged. `label` is the place of a run there: "plain20/seed-0"."""

    one_point_a_step: bool  # whether all numbers of a step must come in one point

    def begin(self, run: Run, label: str) -> None:
        """Log the settings of a run that is new or has changed; its points follow from the first one on."""

    def add(self, label: str, points: Iterable[Point]) -> None:
        """Log further points of a run that has begun, the first step first."""

    def end(self, run: Run, label: str) -> None:
        """Log how a run stands to which nothing will be added for now."""

    def show(self, pictures: Sequence[Picture]) -> None:
        """Log the figures, in place of those before."""

    def close(self) -> None:
        """Nothing more will be logged."""

    def opened_by(self) -> str:
        """Where the runs are, and the command that shows them."""


def load(module: str, package: str, extra: str) -> Any:
    """A module of an optional package. Raises RunError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        reason = "is not installed" if missing else f"cannot be loaded ({error})"
        raise RunError(f"--to {extra}: {package} {reason}; pip install 'resnet-repro[{extra}]'") from None


def make_place(folder: Path, within: Path) -> None:
    """Make a folder for what is logged. Raises RunError if it lies in a run folder or a link leads it elsewhere."""
    there = Path(os.path.realpath(folder))
    for place in (there, *there.parents):
        if is_run_folder(place):
            raise RunError(f"{folder}: lies in the folder of a run, where nothing is logged; {ELSEWHERE}")
    check_within(folder, within)
    make_folder(folder, ELSEWHERE)
