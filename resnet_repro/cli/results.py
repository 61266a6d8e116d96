"""The commands that read results folders: `plot`, `table`, `claims`, `list` and `report`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.completion import FIGURES, FORMATS, one_of
from resnet_repro.cli.matplotlib_loading import load_matplotlib
from resnet_repro.cli.options import (
    Csv,
    FigureStyle,
    Json,
    Latex,
    Markdown,
    Nets,
    Results,
    ShownSeeds,
    Title,
    one_format,
    parsed,
    selection,
)  # fmt: skip
from resnet_repro.errors import RunError, notice


def plot(
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULTS",
            help="Folders that hold run folders; each figure shows the runs of all of them.",
            show_default=False,
        ),
    ] = None,
    nets: Nets = None,
    seeds: ShownSeeds = None,
    title: Title = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The folder for the figures; by default `figures` in the first RESULTS."),
    ] = None,
    figure: Annotated[
        list[str] | None,
        typer.Option(
            "--figure",
            metavar="NAME",
            help="Draw only this figure; may be repeated.",
            autocompletion=one_of(FIGURES),
        ),
    ] = None,
    style: FigureStyle = "web",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="png, svg or pdf, or several: png,svg.",
            autocompletion=one_of(FORMATS),
        ),
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the figures, and draw none.")] = False,
) -> None:
    """Draw the figures of results folders, each with its caption in a text file beside it."""
    if not results and not list_them:
        raise typer.BadParameter("name a folder that holds run folders, or use --list to see the figures")
    load_matplotlib()
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.figures import command

    if list_them:
        command.print_families()
    elif results:
        runs = load_runs(*results, selection=selection(nets, seeds), notice=notice)
        command.plot(runs, results, output, figure or (), style, title, formats or (), notice)


def table(
    results: Results,
    nets: Nets = None,
    seeds: ShownSeeds = None,
    title: Title = "",
    published: Annotated[
        bool, typer.Option("--published", help="The papers' tables with our results beside them, instead.")
    ] = False,
    markdown: Markdown = False,
    latex: Latex = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Print the final errors of the nets in results folders, the degradation and its fix."""
    form = one_format(markdown=markdown, latex=latex, csv=as_csv, json=as_json)
    from resnet_repro.analysis.groups import comparable_groups
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.cli.show import groups
    from resnet_repro.cli.show import published as papers
    from resnet_repro.cli.show.formats import print_records

    runs = load_runs(*results, selection=selection(nets, seeds), notice=notice)
    if title:
        groups.print_title(title, form)
    if published:
        if form in ("csv", "json"):
            print_records(form, papers.papers_tables_json(runs), papers.papers_records(runs))
        else:
            papers.print_papers_tables(runs, form)
        return
    found = comparable_groups(runs)
    if form in ("csv", "json"):
        print_records(form, [groups.group_json(group) for group in found], groups.net_records(found))
    else:
        groups.print_groups(found, form)


def claims(
    results: Results,
    nets: Nets = None,
    seeds: ShownSeeds = None,
    require: Annotated[
        str | None, typer.Option(metavar="IDS", help="Exit with 1 unless these claims are reproduced: C1,C6.")
    ] = None,
    full_length: Annotated[
        bool, typer.Option("--full-length", help="Use only runs with the papers' data and schedule.")
    ] = False,
    markdown: Markdown = False,
    latex: Latex = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Judge each of the papers' claims by the runs in results folders."""
    form = one_format(markdown=markdown, latex=latex, csv=as_csv, json=as_json)
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.claims import judge
    from resnet_repro.cli.show import verdicts as show
    from resnet_repro.cli.show.formats import print_records

    wanted = parsed(show.parse_ids, require) if require is not None else []
    verdicts = judge(load_runs(*results, selection=selection(nets, seeds), notice=notice), full_length)
    if form in ("csv", "json"):
        print_records(form, list(map(show.verdict_json, verdicts)), show.comparison_records(verdicts))
    else:
        show.print_verdicts(verdicts, form)
    if failed := [verdict for verdict in verdicts if verdict.claim.id in wanted and verdict.outcome != "reproduced"]:
        raise RunError(show.not_reproduced(failed))


def list_runs(results: Results, nets: Nets = None, seeds: ShownSeeds = None, as_json: Json = False) -> None:
    """List the runs in results folders."""
    from resnet_repro.analysis.loading import read_runs
    from resnet_repro.cli.show.runs import print_runs, runs_json
    from resnet_repro.files import to_json

    runs, faults = read_runs(*results, selection=selection(nets, seeds), notice=notice)
    if as_json:
        print(to_json(runs_json(runs, faults)), end="")
    else:
        print_runs(runs, faults)


def report(
    results: Results,
    nets: Nets = None,
    seeds: ShownSeeds = None,
    title: Title = "",
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; by default report.html in the first RESULTS.")
    ] = None,
) -> None:
    """Write one page about results folders: verdicts, figures, tables, and how to repeat the runs."""
    load_matplotlib()
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.files import make_folder, write_text
    from resnet_repro.record.run import REPORT
    from resnet_repro.report import render_page

    page = output or results[0] / REPORT
    if page.is_dir():
        raise RunError(f"--output {page}: is a folder; name a file, such as {page / REPORT}")
    runs = load_runs(*results, selection=selection(nets, seeds), notice=notice)
    chosen = {"--nets": ",".join(nets or ()), "--seeds": seeds or "", "--title": title}
    options = "".join(f" {name} {shlex.quote(value)}" for name, value in chosen.items() if value)
    text = render_page(runs, shlex.join(folder.as_posix() for folder in results), title, options)
    otherwise = "choose another --output or make room there"
    make_folder(page.parent, otherwise)
    write_text(page, text, otherwise)
    print(page)
