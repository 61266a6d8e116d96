"""Commands that train: `train`, `demo`, and `bench`, which measures how fast."""

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
    Json,
    Override,
    ResultsOption,
    Specs,
    TimeLimit,
    notice,
    parsed,
)  # fmt: skip
from resnet_repro.cli.reading import plot, table


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


def demo(
    specs: Annotated[Path, typer.Argument(metavar="SPECS", help="The folder of quick specs.")] = Path(
        "experiments/quick"
    ),
    device: Device = "auto",
    results: ResultsOption = Path("results/demo"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Degradation and its fix in a few minutes: data, the quick specs, the figures, and a small table.

    Trains on CIFAR-10 if it is there or can be downloaded, else on the synthetic stand-in.
    """
    from resnet_repro.data.cifar10 import fetch_cifar10, find_cifar10
    from resnet_repro.errors import DataError

    dataset = "cifar10"
    if folder := find_cifar10(data_dir):
        notice(f"trains on CIFAR-10 in {folder}")
    else:
        try:
            notice(f"there is no CIFAR-10 in {data_dir}; downloading it")
            fetch_cifar10(data_dir)
        except DataError as error:
            notice(str(error))
            notice("trains on the synthetic stand-in instead; its numbers are not CIFAR-10's")
            dataset = "synthetic"
    results = results / dataset
    override = [f"data.dataset={dataset}"]
    train([specs], device=device, results=results, data_dir=data_dir, override=override)
    plot([results])
    table(results)


def bench(
    specs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SPEC]...", help="Spec files, or folders of them; ResNet-20, -56 and -110 if none."),
    ] = None,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="How cost grows with depth, width, batch, and runs side by side.")
    ] = False,
    gpu_check: Annotated[
        bool, typer.Option("--gpu-check", help="First contact with a GPU: right, how fast, how many side by side.")
    ] = False,
    baseline: Annotated[bool, typer.Option(help="Measure a usual training script as well.")] = True,
    compiled: Compiled = False,
    seconds: Annotated[
        float, typer.Option(min=0.001, help="About how long a spec, a curve, or the GPU check may take.")
    ] = 30.0,
    output: Annotated[
        Path | None, typer.Option("--output", help="A folder to keep the numbers in, as JSON named after the machine.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Measure nothing; renew the tables in the README.md of this folder.")
    ] = None,
    device: Device = "auto",
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Measure the speed of training, on random images: beside a usual script, and beside the machine's limit."""
    if (specs or compiled) and (scaling or page or gpu_check):
        raise typer.BadParameter("--scaling, --gpu-check, --page take no specs, no --compile")
    if (scaling, gpu_check, page is not None).count(True) > 1:
        raise typer.BadParameter("--scaling, --gpu-check and --page do not go together")
    from resnet_repro.bench import default_experiments, fig6_experiments
    from resnet_repro.cli.show import bench
    from resnet_repro.spec.suite import load_suite

    if page:
        bench.show_page(page)
    elif gpu_check:
        bench.show_gpu_check(fig6_experiments(override or ()), device, seconds, output, as_json)
    elif scaling:
        bench.show_scaling(override or (), device, seconds, output, as_json)
    else:
        experiments = load_suite(specs, override or (), None) if specs else default_experiments(override or ())
        bench.show_speed(experiments, device, seconds, baseline, compiled, output, as_json)


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
