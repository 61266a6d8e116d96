"""The command that measures speed: `bench`."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.completion import carried_specs
from resnet_repro.cli.options import LIMITS, SPECS, Compiled, Device, Import, Json, Override, import_files


def bench(
    specs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SPEC", help=f"{SPECS} If none: ResNet-20, -56 and -110.", autocompletion=carried_specs),
    ] = None,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="How the cost grows with depth, width, batch size and runs side by side.")
    ] = False,
    gpu_check: Annotated[
        bool,
        typer.Option(
            "--gpu-check", help="Check on a GPU that training is correct, how fast it is, and how many runs fit."
        ),
    ] = False,
    baseline: Annotated[bool, typer.Option(help="Measure a usual training script too.")] = True,
    compiled: Compiled = False,
    seconds: Annotated[
        float,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            help="About how long each spec, each curve, or the GPU check may take.",
            rich_help_panel=LIMITS,
        ),
    ] = 30.0,
    output: Annotated[
        Path | None, typer.Option("--output", help="A folder for the numbers, as JSON named after the machine.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Measure nothing; update the tables in the README.md of this folder.")
    ] = None,
    device: Device = "auto",
    override: Override = None,
    imported: Import = None,
    as_json: Json = False,
) -> None:
    """Measure the speed of training on random images, beside a usual training script and the machine's limit."""
    if (specs or compiled or imported) and (scaling or page or gpu_check):
        raise typer.BadParameter("--scaling, --gpu-check and --page take neither specs nor --compile nor --import")
    if page and (output or as_json):
        raise typer.BadParameter("--page measures nothing: it takes neither --output nor --json")
    if not baseline and (scaling or page or gpu_check):
        raise typer.BadParameter("--no-baseline is for the speed of specs, not for --scaling, --gpu-check or --page")
    if (scaling, gpu_check, page is not None).count(True) > 1:
        raise typer.BadParameter("--scaling, --gpu-check and --page exclude each other")
    from resnet_repro.bench import command, default_experiments, fig6_experiments
    from resnet_repro.spec.suite import load_suite

    if page:
        command.show_page(page)
    elif gpu_check:
        command.show_gpu_check(fig6_experiments(override or ()), device, seconds, output, as_json)
    elif scaling:
        command.show_scaling(override or (), device, seconds, output, as_json)
    else:
        files = import_files(imported)
        experiments = load_suite(specs, override or (), None) if specs else default_experiments(override or ())
        if files:
            from resnet_repro.runner.trial import try_out

            try_out(experiments)
        command.show_speed(experiments, device, seconds, baseline, compiled, output, as_json)
