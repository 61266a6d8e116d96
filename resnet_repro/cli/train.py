"""Commands that train: `train`, and `reproduce`, which trains what is missing of the papers' nets."""

import math
import time
from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import (
    Compiled,
    DataDir,
    Device,
    DryRun,
    Jobs,
    Override,
    ResultsOption,
    Specs,
    TimeLimit,
    notice,
    parsed,
)  # fmt: skip


def train(
    specs: Specs,
    seed: Annotated[int | None, typer.Option(help="The seed of the run.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several seeds, a run for each: 0-4, or 0,2,5.")] = None,
    device: Device = "auto",
    jobs: Jobs = "1",
    results: ResultsOption = Path("results"),
    data_dir: DataDir = Path("data"),
    override: Override = None,
    compiled: Compiled = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Equal seeds give equal bits on a GPU too; slower there.")
    ] = False,
    require_graph: Annotated[
        bool, typer.Option("--require-graph", help="Fail if the training step cannot be captured in a CUDA graph.")
    ] = False,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.0, help="How often to save what a killed run would lose.")
    ] = 60.0,
    restart: Annotated[bool, typer.Option("--restart", help="Discard what there is of these runs first.")] = False,
    time_limit: TimeLimit = None,
    dry_run: DryRun = False,
) -> None:
    """Train the nets that specs describe. A finished run is skipped, an interrupted one goes on."""
    from resnet_repro.cli.options import parse_jobs
    from resnet_repro.spec.suite import load_suite

    side_by_side = parsed(parse_jobs, jobs)
    seeds_wanted = _seeds(seed, seeds)
    deadline = _deadline(time_limit)
    from resnet_repro.launch import command
    from resnet_repro.launch.request import Request
    from resnet_repro.training.distributed import joined_ranks

    with joined_ranks(device) as ranks:
        request = Request(
            results, data_dir, device, side_by_side, restart, compiled, deterministic, checkpoint_seconds, ranks,
            deadline, require_graph,
        )  # fmt: skip
        tasks = ranks.first(lambda: command.find_tasks(load_suite(specs, override or (), seeds_wanted), request))
        code = 0
        if not dry_run:
            code = command.train(tasks, request, notice)
        elif ranks.is_first:
            command.show_plan(tasks, request)
    if code:
        raise typer.Exit(code)


def reproduce(
    schedule: Annotated[
        str, typer.Option(metavar="full|tenth|auto", help="auto: the papers' own on a GPU, a tenth of it on a CPU.")
    ] = "auto",
    experiments: Annotated[Path, typer.Option("--experiments", help="The folder of the specs.")] = Path("experiments"),
    device: Device = "auto",
    jobs: Jobs = "auto",
    results: ResultsOption = Path("results"),
    data_dir: DataDir = Path("data"),
    time_limit: TimeLimit = None,
    dry_run: DryRun = False,
) -> None:
    """Train whatever of the reproduction is missing, what matters most first. Call it again until nothing is."""
    from resnet_repro.cli.options import parse_jobs

    side_by_side, deadline = parsed(parse_jobs, jobs), _deadline(time_limit)
    from resnet_repro.launch import command, reproduction
    from resnet_repro.launch.request import Request
    from resnet_repro.training.device import resolve_device

    if schedule == "auto":
        schedule = "full" if resolve_device(device).type == "cuda" else "tenth"
        notice(f"the {schedule} schedule, as suits the device; choose with --schedule")
    tiers = reproduction.load_tiers(parsed(reproduction.parse_schedule, schedule), experiments)
    request = Request(results, data_dir, device, side_by_side, deadline=deadline)
    tasks = [task for tier, suite in enumerate(tiers) for task in command.find_tasks(suite, request, tier)]
    if dry_run:
        command.show_plan(tasks, request)
    elif all(task.is_ended for task in tasks):
        notice(f"nothing is missing: all {len(tasks)} runs of the {schedule} schedule are in {results}")
    elif code := command.train(tasks, request, notice):
        raise typer.Exit(code)


def _deadline(time_limit: str | None) -> float:
    """--time-limit as a time of time.monotonic()."""
    from resnet_repro.cli.options import parse_duration

    return math.inf if time_limit is None else time.monotonic() + parsed(parse_duration, time_limit)


def _seeds(seed: int | None, seeds: str | None) -> list[int] | None:
    """--seed and --seeds as one list; None leaves each spec its own seed."""
    from resnet_repro.cli.options import parse_seeds

    if seed is not None and seeds is not None:
        raise typer.BadParameter("give --seed or --seeds, not both")
    text = seeds if seed is None else str(seed)
    return None if text is None else parsed(parse_seeds, text)
