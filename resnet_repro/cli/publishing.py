"""Commands that make something for others to look at: `report`."""

from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import Results, notice


def report(
    results: Results,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; RESULTS/report.html if not given.")
    ] = None,
) -> None:
    """Write one page about a results folder: verdicts, figures, tables, and how to repeat it all."""
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.errors import RunError
    from resnet_repro.files import make_folder, write_text
    from resnet_repro.record.run import REPORT
    from resnet_repro.report import render_page

    page = output or results / REPORT
    if page.is_dir():
        raise RunError(f"--output {page}: is a folder; name a file, such as {page / REPORT}")
    text = render_page(load_runs(results, notice=notice), results.as_posix())
    otherwise = "choose another --output or make room there"
    make_folder(page.parent, otherwise)
    write_text(page, text, otherwise)
    print(page)
