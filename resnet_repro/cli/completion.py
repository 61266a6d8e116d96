"""The values that a shell completes on TAB, as fast as `--help`: nothing here imports torch or matplotlib."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import typer

DEVICES = ("auto", "cpu", "cuda", "mps")  # bash splits words at a colon, so not cuda:1
SCHEDULES = ("auto", "full", "tenth")
FIGURES = (
    "curves", "degradation", "layer-responses", "gradient-norms", "percentile-drift", "branch-ratios", "batch-norm",
    "classifier", "reproductions", "construction",
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")
STYLES = ("web", "paper", "slides")
TRACKERS = ("tensorboard", "wandb")
NAME = re.compile(rb"^name: ([\w./+-]+)$", re.MULTILINE | re.ASCII)  # in the spec.yaml of a run


def one_of(values: tuple[str, ...]) -> Callable[[], list[str]]:
    """Completes one of these values, as `autocompletion` of an option."""
    return lambda: list(values)


def fields_to_set() -> list[tuple[str, str]]:
    """Completes the field in `--set FIELD=VALUE`, and says what it does."""
    from resnet_repro.spec.schema import spec_fields

    return [(f"{name}=", " ".join(about.split())) for name, about in spec_fields().items()]


def fields_to_vary() -> list[tuple[str, str]]:
    """Completes the field in `--vary FIELD=A,B`: any but the name and the seed."""
    return [field for field in fields_to_set() if field[0] not in ("name=", "seed=")]


def trained_nets(context: typer.Context, incomplete: str) -> list[str]:
    """Completes the name of a net that has runs in the results folder; the shell completes paths if none begins so."""
    return [name for name in _trained([context.params.get("results") or "results"]) if name.startswith(incomplete)]


def nets_to_show(context: typer.Context, incomplete: str) -> list[str]:
    """Completes the last of several names of nets with commas between them, of those that have runs in RESULTS."""
    earlier, comma, last = incomplete.rpartition(",")
    results = context.params.get("results") or context.args or ["results"]  # args: an option lacks its value so far
    names = _trained(results)
    return [f"{earlier}{comma}{name}" for name in names if name.startswith(last)]


def _trained(results: Iterable[str | Path]) -> list[str]:
    """The names in the specs of all runs below these folders."""
    from resnet_repro.errors import ReproError
    from resnet_repro.files import read_bytes
    from resnet_repro.record.finding import find_runs
    from resnet_repro.record.run import SPEC
    from resnet_repro.spec.yaml_source import LARGEST_FILE

    names: set[str] = set()
    for folder in results:
        with suppress(ReproError):
            for run in find_runs(Path(folder).expanduser(), lambda line: None):
                with suppress(ReproError):
                    names |= {name.decode() for name in NAME.findall(read_bytes(run / SPEC, LARGEST_FILE))}
    return sorted(names)


def carried_specs(incomplete: str) -> list[str]:
    """Completes the name of a carried experiment, unless paths begin alike: the shell completes these if we do not."""
    from resnet_repro.spec.carried import carried_names

    folder, _, name = incomplete.rpartition("/")
    try:
        entries = [path.name for path in Path(folder or ".").iterdir()]
    except (OSError, ValueError):
        entries = []
    return [] if any(entry.startswith(name) for entry in entries) else list(carried_names())
