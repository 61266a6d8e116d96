"""`resnet_repro.train`: trains from Python, also in a notebook, what the command `train` trains."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import overload

from resnet_repro.analysis.loading import read_one
from resnet_repro.errors import RunError, SpecError, notice
from resnet_repro.launch import DATA_DIR_VARIABLE
from resnet_repro.launch.board import Board
from resnet_repro.launch.command import train_side_by_side
from resnet_repro.launch.tasks import Task, find_tasks
from resnet_repro.launch.tracking import Event, QueuedRun
from resnet_repro.record.rows import Row
from resnet_repro.record.run import Run, read_run
from resnet_repro.runner.datasets import Datasets
from resnet_repro.runner.options import Jobs, TrainOptions
from resnet_repro.runner.progress import new_watcher
from resnet_repro.runner.train import Watcher, train_run
from resnet_repro.spec import Experiment
from resnet_repro.spec.own import used_files
from resnet_repro.spec.section import LARGEST_SEED
from resnet_repro.training.device import resolve_device

Watch = Callable[[list[Run]], object]


@overload
def train(
    experiment: Experiment, results: str | Path = ..., data_dir: str | Path | None = ..., device: str = ..., *,
    seeds: None = ..., jobs: Jobs = ..., restart: bool = ..., quiet: bool = ..., watch: Watch | None = ...,
) -> Run: ...  # fmt: skip
@overload
def train(
    experiment: Experiment, results: str | Path = ..., data_dir: str | Path | None = ..., device: str = ..., *,
    seeds: Iterable[int], jobs: Jobs = ..., restart: bool = ..., quiet: bool = ..., watch: Watch | None = ...,
) -> list[Run]: ...  # fmt: skip
@overload
def train(
    experiment: Iterable[Experiment], results: str | Path = ..., data_dir: str | Path | None = ..., device: str = ...,
    *, seeds: Iterable[int] | None = ..., jobs: Jobs = ..., restart: bool = ..., quiet: bool = ...,
    watch: Watch | None = ...,
) -> list[Run]: ...  # fmt: skip
def train(
    experiment: Experiment | Iterable[Experiment],
    results: str | Path = "results",
    data_dir: str | Path | None = None,
    device: str = "auto",
    *,
    seeds: Iterable[int] | None = None,
    jobs: Jobs = 1,
    restart: bool = False,
    quiet: bool = False,
    watch: Watch | None = None,
) -> Run | list[Run]:
    """Train an experiment, or several, and return their runs as `load_runs` gives them.

    One experiment without `seeds` gives one run, else there is a list: each experiment with each seed. As with the
    command, a run is a folder, `<results>/<name>/seed-<k>`; a finished or diverged run is not trained again, an
    unfinished one is resumed, and `restart` discards what there is.

    `data_dir` is the folder of CIFAR-10, by default that of the variable RESNET_REPRO_DATA, or `data`. `device` is as
    after `--device`. With `jobs=1` the runs train in this process, one after another, and in any thread. With another
    number, or "auto", they train side by side in other processes.

    Progress is shown on stderr unless `quiet`. A function `watch` takes its place: it is called with the runs that have
    rows, as they are on disk, at the beginning, whenever one has a new row, and at the end; `figures.LiveCurves()` is
    one.

    In the main thread, SIGINT (Ctrl-C, or a notebook's button to interrupt), SIGTERM and SIGHUP save a checkpoint, from
    which the same call resumes, and then raise KeyboardInterrupt.

    Raises SpecError if two of the experiments share name and seed, RunError if a run folder or the device cannot be
    used, or a run fails, and DataError without the data. Folders and data are looked at before anything is trained.
    """
    asked = _with_seeds(experiment, seeds)
    arguments = ("train", "spec.yaml", *(() if device == "auto" else ("--device", device)))  # in each run's own folder
    files = dict.fromkeys(file for one in asked for file in used_files(one))  # which other processes need too
    options = TrainOptions(
        _path(results), _path(data_dir or os.environ.get(DATA_DIR_VARIABLE) or "data"), device, _checked(jobs), restart,
        imported=tuple(files), command=arguments,
    )  # fmt: skip
    tasks = find_tasks(dict.fromkeys(asked), options)
    for task in tasks:
        if task.fault:
            raise RunError(task.fault)
    quiet = quiet or watch is not None
    changed = (lambda: watch(_with_rows(asked, options.results))) if watch else _nothing
    if ahead := [task for task in tasks if not task.is_ended]:
        chosen = resolve_device(device)
        datasets = Datasets(options.data_dir)
        for data in dict.fromkeys(task.experiment.data for task in ahead):
            datasets.load(data)
        changed()
        if jobs == 1:
            _one_by_one(ahead, replace(options, device=str(chosen)), datasets, quiet, changed)
        else:
            _side_by_side(tasks, ahead, options, quiet, changed)
    changed()
    runs = [read_run(options.results / one.label) for one in asked]
    return runs[0] if isinstance(experiment, Experiment) and seeds is None else runs


class _RowWatcher(Watcher):
    """Says of each new row of a run in this process that the run has changed, and shows nothing."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self.changed = changed

    def recorded(self, row: Row) -> None:
        self.changed()


class _RowBoard(Board):
    """Says the same of the runs of a queue."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self.changed = changed

    def received(self, run: QueuedRun, event: Event) -> None:
        if isinstance(event, Row):
            self.changed()


def _nothing() -> None: ...


def _with_rows(asked: Iterable[Experiment], results: Path) -> list[Run]:
    """The runs that have begun and have rows."""
    found = (read_one(results / one.label) for one in asked)
    return [run for run in found if isinstance(run, Run) and run.rows]


def _one_by_one(
    ahead: Sequence[Task], options: TrainOptions, datasets: Datasets, quiet: bool, changed: Callable[[], object]
) -> None:
    watcher = _RowWatcher(changed) if quiet else new_watcher()
    for task in ahead:
        if train_run(task.experiment, options, watcher, datasets) == "interrupted":
            raise KeyboardInterrupt(f"{task.label}: stopped; the same call resumes it")


def _side_by_side(
    tasks: Sequence[Task],
    ahead: Sequence[Task],
    options: TrainOptions,
    quiet: bool,
    changed: Callable[[], object],
) -> None:
    say, board = ((lambda text: None), _RowBoard(changed)) if quiet else (notice, None)
    runs = train_side_by_side(tasks, ahead, options, say, board)
    for run in runs:
        if run.status == "failed":
            raise RunError(f"{run.label}: {run.error}" if run.label not in run.error else run.error)
    if any(run.status in ("interrupted", "waiting") for run in runs):
        raise KeyboardInterrupt("stopped; the same call resumes the runs")


def _with_seeds(experiment: Experiment | Iterable[Experiment], seeds: Iterable[int] | None) -> list[Experiment]:
    """Each experiment with each seed, or with its own seed. Raises SpecError."""
    several = [experiment] if isinstance(experiment, Experiment | str | Path) else list(experiment)
    chosen = None if seeds is None else _checked_seeds(seeds)
    found: dict[str, Experiment] = {}
    asked: list[Experiment] = []
    for one in several:
        if not isinstance(one, Experiment):
            raise SpecError(f"{one!r}: is not an experiment; load_spec reads one, vary makes several")
        for seed in [one.seed] if chosen is None else chosen:
            asked.append(one.model_copy(update={"seed": seed}))
            if found.setdefault(asked[-1].label, asked[-1]) != asked[-1]:
                raise SpecError(
                    f"name: {one.name} is that of two experiments that differ; vary() gives each a name of its own, "
                    "and so does model_copy(update={'name': ...})"
                )
    return asked


def _checked_seeds(seeds: Iterable[int]) -> list[int]:
    try:
        chosen = [index(seed) for seed in seeds]  # also of numpy's numbers
    except TypeError:
        raise SpecError(f"seeds: {seeds!r} should be whole numbers, such as range(3)") from None
    for seed in chosen:
        if not 0 <= seed <= LARGEST_SEED:
            raise SpecError(f"seeds: {seed} should be from 0 to {LARGEST_SEED}")
    return chosen


def _checked(jobs: Jobs) -> Jobs:
    if jobs != "auto" and (not isinstance(jobs, int) or jobs < 1):
        raise RunError(f"jobs: {jobs!r} should be 'auto', or a whole number of 1 or more")
    return jobs


def _path(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))
