"""The command line: each command parses, calls, prints. Results go to stdout, progress and notices to stderr."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from resnet_repro.errors import ReproError

T = TypeVar("T")

app = typer.Typer(
    help="Reproduce plain-versus-residual learning on CIFAR-10: train the nets, plot the curves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Get CIFAR-10, or check what is there.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Specs = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Spec files, or folders of them.")]
Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="A folder that holds run folders.")]
ResultsOption = Annotated[Path, typer.Option("--results", help="The folder that run folders go into.")]
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="RESNET_REPRO_DATA", help="The folder that holds CIFAR-10.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Fuse the operations of each unit with torch.compile.")]
Override = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Override a field of every spec: training.steps=400."),
]
Json = Annotated[bool, typer.Option("--json", help="Plain JSON on stdout.")]


@app.command()
def train(
    specs: Specs,
    seed: Annotated[int | None, typer.Option(help="The seed of the run.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several seeds, a run for each: 0-4, or 0,2,5.")] = None,
    device: Device = "auto",
    jobs: Annotated[
        str, typer.Option(metavar="N|auto", help="Runs side by side on each device; auto: as many as suit the machine.")
    ] = "1",
    results: ResultsOption = Path("results"),
    data_dir: DataDir = Path("data"),
    override: Override = None,
    compiled: Compiled = False,
    restart: Annotated[bool, typer.Option("--restart", help="Discard what there is of these runs first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and how long it may take.")] = False,
) -> None:
    """Train the nets that specs describe. A finished run is skipped, an interrupted one goes on."""
    from resnet_repro.suite import load_suite, parse_jobs

    side_by_side = _parsed(parse_jobs, jobs)
    experiments = load_suite(specs, override or (), _seeds(seed, seeds))
    from resnet_repro.launch import command

    request = command.Request(results, data_dir, device, side_by_side, restart, compiled)
    tasks = command.find_tasks(experiments, request)
    if dry_run:
        command.show_plan(tasks, request)
    elif code := command.train(tasks, request, _notice):
        raise typer.Exit(code)


@app.command()
def plot(
    results: Results,
    output: Annotated[
        Path | None, typer.Option("--output", help="The folder for the figures; RESULTS/figures if not given.")
    ] = None,
) -> None:
    """Draw the figures of a results folder, as PNG and SVG."""
    from resnet_repro.analysis import load_runs
    from resnet_repro.figures import save_figures
    from resnet_repro.record import FIGURES

    for path in save_figures(load_runs(results, _notice), output or results / FIGURES):
        print(path)


@app.command()
def table(
    results: Results,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown on stdout.")] = False,
    as_json: Json = False,
) -> None:
    """Final errors of the nets in a results folder, the degradation, and its fix."""
    from resnet_repro.analysis import comparable_groups, load_runs
    from resnet_repro.reporting import group_json, print_group

    groups = comparable_groups(load_runs(results, _notice))
    if as_json:
        print(json.dumps([group_json(group) for group in groups], indent=2))
        return
    for group in groups:
        print_group(group, markdown)


@app.command("list")
def list_runs(results: Results, as_json: Json = False) -> None:
    """The runs in a results folder."""
    from resnet_repro.analysis import load_runs
    from resnet_repro.reporting import print_runs, run_json

    runs = load_runs(results, _notice)
    if as_json:
        print(json.dumps([run_json(run) for run in runs], indent=2))
    else:
        print_runs(runs)


@app.command()
def describe(
    specs: Annotated[list[Path] | None, typer.Argument(metavar="[SPEC]...", help="Spec files.")] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="What differs between two specs, and between their nets.")
    ] = False,
    compare: Annotated[
        str | None, typer.Option(metavar="NETS", help="Set beside torchvision's nets: vgg19,resnet34,googlenet.")
    ] = None,
    timed: Annotated[bool, typer.Option("--time", help="With --compare: time a forward pass of each.")] = False,
    device: Device = "auto",
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Show a net layer by layer: operation, output, parameters, multiply-adds, receptive field."""
    if not specs and not compare:
        raise typer.BadParameter("name a spec, or nets of torchvision with --compare")
    if diff and (compare or len(specs or ()) != 2):
        raise typer.BadParameter("--diff takes two specs, and no --compare")
    if timed and not compare:
        raise typer.BadParameter("--time goes with --compare")
    from resnet_repro.spec_file import load_spec

    experiments = [load_spec(spec, override or ()) for spec in specs or ()]
    from resnet_repro import describing

    if diff:
        describing.show_difference(experiments[0], experiments[1], as_json)
    elif compare:
        describing.show_comparison(experiments, compare.split(","), device if timed else None, as_json)
    else:
        describing.show_nets(experiments, as_json)


@app.command()
def bench(
    specs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SPEC]...", help="Spec files, or folders of them; ResNet-20, -56 and -110 if none."),
    ] = None,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="How cost grows with depth, width, batch, and runs side by side.")
    ] = False,
    baseline: Annotated[bool, typer.Option(help="Measure a usual training script as well.")] = True,
    seconds: Annotated[float, typer.Option(min=0.001, help="About how long a spec, or a curve, may take.")] = 30.0,
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
    if specs and (scaling or page):
        raise typer.BadParameter("--scaling and --page take no specs")
    from resnet_repro.bench import default_experiments, reporting
    from resnet_repro.suite import load_suite

    if page:
        reporting.show_page(page)
    elif scaling:
        reporting.show_scaling(override or (), device, seconds, output, as_json)
    else:
        experiments = load_suite(specs, override or (), None) if specs else default_experiments(override or ())
        reporting.show_speed(experiments, device, seconds, baseline, output, as_json)


@data_app.command()
def fetch(
    data_dir: DataDir = Path("data"),
    url: Annotated[str | None, typer.Option(help="Another address of cifar-10-python.tar.gz.")] = None,
) -> None:
    """Download CIFAR-10 (170 MB), unless it is there already."""
    from resnet_repro.data.cifar10 import fetch_cifar10, find_cifar10, load_cifar10

    folder = find_cifar10(data_dir)
    if folder:
        load_cifar10(data_dir)  # raises if it is damaged
        _notice(f"{folder} is there already, whole; nothing to download")
    else:
        folder = fetch_cifar10(data_dir, url)
    print(folder)


@data_app.command()
def check(data_dir: DataDir = Path("data")) -> None:
    """Say what is there, how many images of each class, and whether it is the true CIFAR-10."""
    from resnet_repro.data.cifar10 import CLASSES, find_cifar10, load_cifar10
    from resnet_repro.reporting import print_data

    dataset = load_cifar10(data_dir)
    print_data(dataset, str(find_cifar10(data_dir)), CLASSES)


@app.command()
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
        _notice(f"trains on CIFAR-10 in {folder}")
    else:
        try:
            _notice(f"there is no CIFAR-10 in {data_dir}; downloading it")
            fetch_cifar10(data_dir)
        except DataError as error:
            _notice(str(error))
            _notice("trains on the synthetic stand-in instead; its numbers are not CIFAR-10's")
            dataset = "synthetic"
    results = results / dataset
    override = [f"data.dataset={dataset}"]
    train([specs], device=device, results=results, data_dir=data_dir, override=override)
    plot(results)
    table(results)


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    logging.getLogger("resnet_repro").handlers = [_NoticeHandler()]
    try:
        app()
    except ReproError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _seeds(seed: int | None, seeds: str | None) -> list[int] | None:
    """--seed and --seeds as one list; None leaves each spec its own seed."""
    from resnet_repro.suite import parse_seeds

    if seed is not None and seeds is not None:
        raise typer.BadParameter("give --seed or --seeds, not both")
    text = seeds if seed is None else str(seed)
    return None if text is None else _parsed(parse_seeds, text)


def _parsed(parse: Callable[[str], T], text: str) -> T:
    """What an option says; a ValueError is a wrong usage of it."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _notice(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


class _NoticeHandler(logging.Handler):
    """Shows what the package has to say, such as what was chosen instead of what was asked for."""

    def emit(self, record: logging.LogRecord) -> None:
        _notice(record.getMessage())
