"""The commands for nets: `describe`, and with the weights of a run `evaluate`, `deepen` and `export`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.completion import carried_specs
from resnet_repro.cli.matplotlib_loading import load_matplotlib
from resnet_repro.cli.options import SPECS, DataDir, Device, Import, Json, Override, import_files


def describe(
    specs: Annotated[
        list[Path] | None, typer.Argument(metavar="SPEC", help=SPECS, autocompletion=carried_specs)
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show how two specs and their nets differ.")] = False,
    compare: Annotated[
        str | None, typer.Option(metavar="NETS", help="Compare with torchvision's nets: vgg19,resnet34,googlenet.")
    ] = None,
    timed: Annotated[bool, typer.Option("--time", help="With --compare: time a forward pass of each net.")] = False,
    device: Device = "auto",
    override: Override = None,
    imported: Import = None,
    as_json: Json = False,
) -> None:
    """Show a net layer by layer: operation, output, parameters, multiply-adds, receptive field."""
    if not specs and not compare:
        raise typer.BadParameter("name a spec, or nets of torchvision with --compare")
    if diff and compare:
        raise typer.BadParameter("--diff takes two specs, and not --compare")
    if timed and not compare:
        raise typer.BadParameter("--time needs --compare")
    from resnet_repro.spec.file import read_spec
    from resnet_repro.spec.suite import spec_files

    files = import_files(imported)
    experiments = [read_spec(spec, override or ()) for spec in spec_files(specs or ())]
    if diff and len(experiments) != 2:
        raise typer.BadParameter(f"--diff takes two specs, not {len(experiments)}")
    from resnet_repro.cli.show import nets

    if files:
        from resnet_repro.runner.trial import try_out

        try_out(experiments)
    if diff:
        nets.show_difference(experiments[0], experiments[1], as_json)
    elif compare:
        nets.show_comparison(experiments, compare.split(","), device if timed else None, as_json)
    else:
        nets.show_nets(experiments, as_json)


RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a finished run: results/<name>/seed-<k>.")
]


def evaluate(
    run: RunArgument,
    data_dir: DataDir = Path("data"),
    device: Device = "auto",
    imported: Import = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="A folder for a figure of the confusion matrix, as PNG and SVG.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate a finished run again from its weights: test error, error of each class, confusion matrix."""
    if output:
        load_matplotlib()  # before what takes long, as it may fail
    from resnet_repro.cli.show import evaluation as show
    from resnet_repro.files import to_json
    from resnet_repro.weights.evaluate import evaluate_run

    import_files(imported)
    evaluation = evaluate_run(run, data_dir, device)
    if as_json:
        print(to_json(show.evaluation_json(evaluation)), end="")
    else:
        show.print_evaluation(evaluation)
    if output:
        from resnet_repro.figures.confusion import draw_confusion
        from resnet_repro.figures.saving import save_figure
        from resnet_repro.figures.style import WEB

        figure = draw_confusion(evaluation.confusion, evaluation.classes, show.conditions(evaluation))
        path_of_figure = output / show.figure_name(evaluation)
        for path in save_figure(figure, show.caption(evaluation), path_of_figure, WEB):
            print(path, file=sys.stderr if as_json else sys.stdout)


def deepen(
    run: RunArgument,
    depth: Annotated[int, typer.Argument(metavar="DEPTH", help="The layers of the deeper net, such as 56.", min=1)],
    data_dir: DataDir = Path("data"),
    device: Device = "auto",
    imported: Import = None,
    as_json: Json = False,
) -> None:
    """Grow the net of a finished run to a greater depth by identity layers, and show that it computes the same."""
    from resnet_repro.cli.show import deepening as show
    from resnet_repro.files import to_json
    from resnet_repro.weights.deepen import deepen_run

    import_files(imported)
    found = deepen_run(run, depth, data_dir, device)
    if as_json:
        print(to_json(show.deepening_json(found)), end="")
    else:
        show.print_deepening(found)


def export(
    run: RunArgument,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The folder to write.")],
    data_dir: DataDir = Path("data"),
    imported: Import = None,
) -> None:
    """Export the net of a finished run: weights, a model card, and a program that torch runs without this package."""
    from resnet_repro.weights.export import export_run

    import_files(imported)
    for path in export_run(run, output, data_dir):
        print(path)
