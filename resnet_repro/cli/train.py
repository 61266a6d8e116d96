"""The commands that train: `train`, and `reproduce`, which trains the missing runs of the reproduction."""

import math
import time
from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.completion import SCHEDULES, fields_to_vary, one_of
from resnet_repro.cli.options import (
    FOLDERS,
    LIMITS,
    MACHINE,
    RUNS,
    Compiled,
    DataDir,
    Device,
    DryRun,
    Import,
    Jobs,
    On,
    Override,
    ResultsOption,
    Specs,
    TimeLimit,
    among,
    import_files,
    parsed,
)  # fmt: skip
from resnet_repro.cli.values import parse_duration, parse_jobs, parse_on, parse_seeds
from resnet_repro.errors import notice


def train(
    specs: Specs,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The seed of the run.", rich_help_panel=RUNS)] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="SEEDS", help="Several seeds, with a run for each: 0-4 or 0,2,5.", rich_help_panel=RUNS),
    ] = None,
    device: Device = "auto",
    jobs: Jobs = "1",
    on: On = None,
    results: ResultsOption = Path("results"),
    data_dir: DataDir = Path("data"),
    override: Override = None,
    imported: Import = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="FIELD=A,B",
            help="A run for each value of a field, named after it; several --vary give all combinations.",
            autocompletion=fields_to_vary,
            rich_help_panel=RUNS,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="The name of the run in place of the spec's own.", rich_help_panel=RUNS
        ),
    ] = None,
    compiled: Compiled = False,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic",
            help="Equal seeds give equal bits on a GPU too, which is slower.",
            rich_help_panel=MACHINE,
        ),
    ] = False,
    require_graph: Annotated[
        bool,
        typer.Option(
            "--require-graph",
            help="Fail if the training step cannot be captured in a CUDA graph.",
            rich_help_panel=MACHINE,
        ),
    ] = False,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="SECONDS",
            help="Seconds between checkpoints; a killed run loses at most that much work.",
            rich_help_panel=LIMITS,
        ),
    ] = 60.0,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Discard earlier runs of these specs and seeds first.", rich_help_panel=RUNS),
    ] = False,
    time_limit: TimeLimit = None,
    dry_run: DryRun = False,
) -> None:
    """Train the nets that specs describe. Finished runs are skipped, interrupted ones resume."""
    from resnet_repro.spec.overriding import parse_varied
    from resnet_repro.spec.suite import load_suite

    side_by_side, cluster = parsed(parse_jobs, jobs), None if on is None else parsed(parse_on, on)
    seeds_wanted = _seeds(seed, seeds)
    deadline = _deadline(time_limit)
    from resnet_repro.launch import command
    from resnet_repro.launch.tasks import find_tasks
    from resnet_repro.runner.options import TrainOptions
    from resnet_repro.training.distributed import joined_ranks

    with joined_ranks(device) as ranks:
        files = ranks.each(lambda: import_files(imported))
        options = TrainOptions(
            results, data_dir, device, side_by_side, restart=restart, compiled=compiled, deterministic=deterministic,
            checkpoint_seconds=checkpoint_seconds, ranks=ranks, deadline=deadline, require_graph=require_graph,
            imported=files, cluster=cluster,
        )  # fmt: skip
        tasks = ranks.first(
            lambda: find_tasks(load_suite(specs, override or (), seeds_wanted, parse_varied(vary or ()), name), options)
        )
        code = 0
        if not dry_run:
            code = command.train(tasks, options, notice)
        elif ranks.is_first:
            code = command.show_plan(tasks, options)
    if code:
        raise typer.Exit(code)


def reproduce(
    schedule: Annotated[
        str,
        typer.Option(
            metavar="|".join(SCHEDULES),
            help="auto: the papers' schedule on a CUDA GPU, else a tenth of it.",
            callback=among(SCHEDULES),
            autocompletion=one_of(SCHEDULES),
            rich_help_panel=RUNS,
        ),
    ] = "auto",
    experiments: Annotated[
        Path | None,
        typer.Option(
            "--experiments",
            help="A folder of specs, in place of those that the package carries.",
            rich_help_panel=FOLDERS,
        ),
    ] = None,
    device: Device = "auto",
    jobs: Jobs = "auto",
    on: On = None,
    results: ResultsOption = Path("results"),
    data_dir: DataDir = Path("data"),
    imported: Import = None,
    time_limit: TimeLimit = None,
    dry_run: DryRun = False,
) -> None:
    """Train the missing runs of the reproduction, the most important first. Call it again until none is missing."""
    side_by_side, deadline = parsed(parse_jobs, jobs), _deadline(time_limit)
    cluster = None if on is None else parsed(parse_on, on)
    from resnet_repro.launch import command
    from resnet_repro.launch.on_cluster import cluster_device
    from resnet_repro.launch.reproduce import load_tiers
    from resnet_repro.launch.tasks import find_tasks
    from resnet_repro.runner.options import TrainOptions
    from resnet_repro.spec.carried import carried_folder
    from resnet_repro.training.device import resolve_device

    files = import_files(imported)
    options = TrainOptions(results, data_dir, device, side_by_side, deadline=deadline, imported=files, cluster=cluster)
    if schedule == "auto":
        kind = resolve_device(device).type if cluster is None else cluster_device(options)
        schedule = "full" if kind == "cuda" else "tenth"
        notice(f"the {schedule} schedule, which suits the device; choose another with --schedule")
    tiers = load_tiers(schedule, experiments or carried_folder())
    tasks = [task for tier, suite in enumerate(tiers) for task in find_tasks(suite, options, tier)]
    code = 0
    if dry_run:
        code = command.show_plan(tasks, options)
    elif all(task.is_ended for task in tasks):
        notice(f"nothing is missing: {results} holds all {len(tasks)} runs of the {schedule} schedule")
    else:
        code = command.train(tasks, options, notice)
    if code:
        raise typer.Exit(code)


def _deadline(time_limit: str | None) -> float:
    """--time-limit as a value of time.monotonic()."""
    return math.inf if time_limit is None else time.monotonic() + parsed(parse_duration, time_limit)


def _seeds(seed: int | None, seeds: str | None) -> list[int] | None:
    """--seed and --seeds as one list; None keeps the seed of each spec."""
    if seed is not None and seeds is not None:
        raise typer.BadParameter("give --seed or --seeds, not both")
    text = seeds if seed is None else str(seed)
    return None if text is None else parsed(parse_seeds, text)
