"""The values that a shell completes on TAB, as fast as `--help`: nothing here imports torch or matplotlib."""

from collections.abc import Callable
from pathlib import Path

DEVICES = ("auto", "cpu", "cuda", "mps")  # bash splits words at a colon, so not cuda:1
SCHEDULES = ("auto", "full", "tenth")
FIGURES = (
    "curves", "degradation", "layer-responses", "gradient-norms", "percentile-drift", "branch-ratios", "batch-norm",
    "classifier", "reproductions", "construction",
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")


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


def trained_nets(incomplete: str) -> list[str]:
    """Completes the name of a net that has runs below `results`; the shell completes paths if none begins like that."""
    from resnet_repro.record.finding import find_runs

    results = Path("results")
    names = {run.parent.relative_to(results).as_posix() for run in find_runs(results, lambda line: None)}
    return sorted(name for name in names if name.startswith(incomplete))


def carried_specs(incomplete: str) -> list[str]:
    """Completes the name of a carried experiment, unless paths begin alike: the shell completes these if we do not."""
    from resnet_repro.spec.carried import carried_names

    folder, _, name = incomplete.rpartition("/")
    try:
        entries = [path.name for path in Path(folder or ".").iterdir()]
    except (OSError, ValueError):
        entries = []
    return [] if any(entry.startswith(name) for entry in entries) else list(carried_names())
