"""Run folders for `log`, written as a training writes them, and a tracker that remembers what it was told."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from resnet_repro.log.pictures import Picture
from resnet_repro.log.series import Point
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.record.run import Run
from resnet_repro.spec import Experiment, ModelSpec, ProbesSpec, TrainingSpec

DATA = {"name": "made up", "exact": False, "digest": "0123456789"}
ENVIRONMENT = {"device_name": "CPU", "precision": "fp32", "data": DATA}


def timed(step: int, took: float) -> Row:
    """The row of a step in a training that needed `took` seconds for each."""
    return Row(step, step / 391, 0.1, 2.5, 90.0, None, None, None, 64 / took, took * step)


def begin(results: Path, name: str = "suite/net", seed: int = 3, probed: bool = False) -> RunFolder:
    """The folder of a run that has begun and has no rows."""
    probes = ProbesSpec(measure=("layer_response",) if probed else ())
    experiment = Experiment(
        name=name, seed=seed, model=ModelSpec(depth=20), probes=probes, training=TrainingSpec(steps=9, milestones=(5,))
    )
    folder = RunFolder(results, experiment)
    folder.begin(ENVIRONMENT)
    return folder


def train(folder: RunFolder, steps: Iterable[int], took: float = 0.1) -> None:
    for step in steps:
        folder.append(timed(step, took))
        if folder.experiment.probes.measure:
            folder.append_probes([ProbeRow(step, "layer_response", "stage1.0.branch.conv1", "std", step / 8)])


def finish(folder: RunFolder) -> None:
    """End a run after all of its 9 steps."""
    last = replace(folder.metrics.rows[-1], step=9, train_error_clean_pct=1.0, test_loss=1.0, test_error_pct=2.0)
    folder.append(replace(last, elapsed_seconds=last.elapsed_seconds + 1))
    folder.close("finished", 9, 100, DATA, 1.0, {"train_loss": 2.0, "train_error_pct": 3.0})


class Remembering:
    """A tracker in memory: the points of each run by label, and what else was called."""

    def __init__(self, one_point_a_step: bool = False) -> None:
        self.one_point_a_step = one_point_a_step
        self.points: dict[str, list[Point]] = {}
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.pictures: list[str] = []

    def begin(self, run: Run, label: str) -> None:
        self.begun.append(label)
        self.points[label] = []

    def add(self, label: str, points: Iterable[Point]) -> None:
        self.points[label] += points

    def end(self, run: Run, label: str) -> None:
        self.ended.append(f"{label} {run.status}")

    def show(self, pictures: Sequence[Picture]) -> None:
        self.pictures = [picture.name for picture in pictures]

    def close(self) -> None:
        pass

    def opened_by(self) -> str:
        return "memory"

    def steps(self, label: str = "suite/net/seed-3") -> list[int]:
        return [point.step for point in self.points[label]]
