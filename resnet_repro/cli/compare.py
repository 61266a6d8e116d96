"""The command `compare`, which says whether what differs between nets made a difference."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.completion import FORMATS, trained_nets
from resnet_repro.cli.matplotlib_loading import load_matplotlib
from resnet_repro.cli.options import Csv, FigureStyle, Json, Latex, Markdown, ResultsOption, one_format
from resnet_repro.errors import RunError, notice
from resnet_repro.nearest import listed

BASE = "The net to compare with: the name of its spec, such as quick/plain20, or a folder of its runs."
OTHERS = (
    "The nets to compare with it, in the same way. A folder, or a pattern such as 'quick/*', stands for all its nets."
)
FIGURE = "Also draw their training curves over each other: a .png, .svg or .pdf, with its caption in a .txt beside it."


def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE", help=BASE, autocompletion=trained_nets, show_default=False)],
    others: Annotated[
        list[Path], typer.Argument(metavar="OTHER", help=OTHERS, autocompletion=trained_nets, show_default=False)
    ],
    results: ResultsOption = Path("results"),
    figure: Annotated[Path | None, typer.Option("--figure", metavar="FILE", help=FIGURE)] = None,
    style: FigureStyle = "web",
    markdown: Markdown = False,
    latex: Latex = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Compare nets: what differs in their specs, and whether their errors can be told apart.

    An error is lower or higher than that of BASE if the 95 % confidence interval of the difference says so. If it does
    not, the answer is about how many more seeds would settle it.
    """
    form = one_format(markdown=markdown, latex=latex, csv=as_csv, json=as_json)
    ending = _ending(figure) if figure else ""
    from resnet_repro.analysis import comparison
    from resnet_repro.cli.show.comparison import print_comparison

    found = comparison.compare(others, base, results, notice)
    print_comparison(found, form)
    if figure:
        load_matplotlib()
        from resnet_repro.figures.comparison import caption_comparison, draw_comparison
        from resnet_repro.figures.saving import save_figure
        from resnet_repro.figures.style import STYLES

        look = STYLES[style]
        drawn = draw_comparison(found, look)
        stem, otherwise = figure.with_suffix(""), "choose another --figure or make room there"
        paths = save_figure(drawn, caption_comparison(found), stem, look, [ending], otherwise)
        notice(f"the figure is in {', its caption in '.join(map(str, paths))}")


def _ending(figure: Path) -> str:
    """The format of the figure's file. Raises RunError if there is none."""
    ending = figure.suffix.removeprefix(".")
    if ending not in FORMATS:
        raise RunError(f"--figure {figure}: should end in {listed([f'.{name}' for name in FORMATS], 'or')}")
    if figure.is_dir():
        raise RunError(f"--figure {figure}: is a folder; name a file in it")
    return ending
