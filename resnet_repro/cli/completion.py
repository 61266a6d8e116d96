"""The values that a shell completes on TAB, as fast as `--help`: nothing here imports torch or matplotlib."""

from collections.abc import Callable

DEVICES = ("auto", "cpu", "cuda", "mps")  # bash splits words at a colon, so not cuda:1
SCHEDULES = ("auto", "full", "tenth")
FIGURES = (
    "curves", "degradation", "layer-responses", "gradient-norms", "percentile-drift", "branch-ratios", "batch-norm",
    "classifier", "reproductions",
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")


def one_of(values: tuple[str, ...]) -> Callable[[], list[str]]:
    """Completes one of these values, as `autocompletion` of an option."""
    return lambda: list(values)


def fields_to_set() -> list[tuple[str, str]]:
    """Completes the field in `--set FIELD=VALUE`, and says what it does."""
    from resnet_repro.spec.schema import spec_fields

    return [(f"{name}=", " ".join(about.split())) for name, about in spec_fields().items()]
