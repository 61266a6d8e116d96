"""A run of six steps with probes, for tests that damage it, and what they compare of it."""

from collections.abc import Callable
from pathlib import Path

from conftest import TINY
from helpers import train

from resnet_repro.errors import RunError
from resnet_repro.record.run import read_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import load_spec

LABEL = "tiny/seed-0"
SHORT = (
    "training.steps=6", "training.evaluate_every=3", "training.record_every=2", "training.clean_images=20",
    "training.batch_size=8", "model.width=2", "data.train_images=64", "data.test_images=20",
    "probes.measure=[layer_response,gradient_norm]", "probes.every=4", "probes.images=8",
)  # fmt: skip


def short_run(folder: Path) -> Experiment:
    """The run, whose spec is written into `folder`."""
    (folder / "tiny.yaml").write_text(TINY)
    return load_spec(folder / "tiny.yaml", SHORT)


def uninterrupted_run(experiment: Experiment, results: Path) -> Path:
    """Train the run without any failure, and return its folder."""
    assert train(experiment, results) == "finished"
    return results / LABEL


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def status_of(folder: Path) -> str:
    return read_run(folder).status if (folder / "spec.yaml").exists() else "new"


def error_of(action: Callable[[], object]) -> str:
    """The message of the RunError that `action` raises, or "" if it raises none."""
    try:
        action()
    except RunError as error:
        return str(error)
    return ""
