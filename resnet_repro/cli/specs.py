"""The commands for people who choose or write specs: `experiments` and `schema`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from resnet_repro.cli.options import Json


def experiments(
    copy: Annotated[
        Path | None, typer.Option("--copy", metavar="DIR", help="Copy the specs into this folder, to edit them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the experiments that the package carries: what each shows, and how long it takes."""
    if copy and as_json:
        raise typer.BadParameter("--copy and --json exclude each other")
    if copy:
        from resnet_repro.spec.carried import SCHEMA, copy_carried

        specs = len(copy_carried(copy)) - 1
        print(f"copied {specs} specs into {copy}, and {SCHEMA}, from which editors complete them")
        print("an edited spec needs a name of its own: save it under another, or change its field name")
        print(f"next: edit one, then resnet-repro train {shlex.quote(str(copy / 'plain20.yaml'))}")
        return
    from resnet_repro.cli.show.experiments import experiments_json, print_experiments
    from resnet_repro.files import to_json

    if as_json:
        print(to_json(experiments_json()), end="")
    else:
        print_experiments()


def schema() -> None:
    """Print the JSON Schema of a spec, by which editors complete, explain and check one as you write it."""
    from resnet_repro.files import to_json
    from resnet_repro.spec.schema import spec_schema

    print(to_json(spec_schema()), end="")
