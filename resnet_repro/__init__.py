"""Plain against residual learning on CIFAR-10, reproduced: https://arxiv.org/abs/1512.03385 and 1603.05027."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["build_net", "load_runs", "load_spec"]

if TYPE_CHECKING:
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.runner.assembly import build_net
    from resnet_repro.spec.file import load_spec

_HOMES = {
    "build_net": "resnet_repro.runner.assembly",
    "load_runs": "resnet_repro.analysis.groups",
    "load_spec": "resnet_repro.spec.file",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `resnet-repro --help` and reading results need no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
