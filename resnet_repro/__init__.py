"""Plain against residual learning on CIFAR-10, reproduced: https://arxiv.org/abs/1512.03385 and 1603.05027.

The folders, roughly in the order in which a run passes through them, parts first:

    spec/      a YAML file becomes an Experiment, with the paper's recipe as its defaults
    papers/    what the papers trained, measured and claim
    data/      CIFAR-10 becomes mini-batches: which images, in which order, cropped and flipped how
    models/    the net of a spec; a unit is x' = f(h(x) + F(x))
    training/  a net and mini-batches become rows of errors; eager, or captured in a CUDA graph
    probes/    what is measured inside a net while it trains
    record/    the run folder: its files, written whole and read with care
    runner/    one run put together from all of these, stopped and resumed at any step
    launch/    many runs: plan, queue, processes and threads
    analysis/  runs become groups that may be compared, means over seeds, differences
    claims/    groups and the papers' numbers become verdicts
    figures/   groups become figures
    report/    all of it on one page
    log/       rows, probes and figures go to TensorBoard or Weights & Biases
    weights/   a finished net evaluated again, or exported for others
    describe/  a net layer by layer
    bench/     how fast training is
    cli/       the commands; cli/show/ has what they print
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = ["build_net", "compare", "import_file", "load_runs", "load_spec", "train", "vary"]

if TYPE_CHECKING:
    from resnet_repro.analysis.comparison import compare
    from resnet_repro.analysis.loading import load_runs
    from resnet_repro.launch.from_python import train
    from resnet_repro.runner.assembly import build_net
    from resnet_repro.runner.imported import import_file
    from resnet_repro.spec.file import load_spec
    from resnet_repro.spec.variation import vary

_HOMES = {
    "build_net": "resnet_repro.runner.assembly",
    "compare": "resnet_repro.analysis.comparison",
    "import_file": "resnet_repro.runner.imported",
    "load_runs": "resnet_repro.analysis.loading",
    "load_spec": "resnet_repro.spec.file",
    "train": "resnet_repro.launch.from_python",
    "vary": "resnet_repro.spec.variation",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `resnet-repro --help` and reading results need no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from resnet_repro.training.threads import shorten_waits

    shorten_waits()  # before torch is there
    return getattr(import_module(_HOMES[name]), name)
