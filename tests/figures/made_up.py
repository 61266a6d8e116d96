"""Made-up runs for figures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from conftest import make_run
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.analysis.groups import Group, comparable_groups
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.record.run import Run
from resnet_repro.spec import ModelSpec, StartSpec


def with_probes(run: Run, rows: Sequence[tuple[int, str, str, str, float]]) -> Run:
    """The run with these rows in its probes.csv."""
    run.__dict__["probes"] = tuple(ProbeRow(*row) for row in rows)
    return run


def with_model(run: Run, **fields: object) -> Run:
    model = ModelSpec.model_validate(run.experiment.model.model_dump() | fields)
    experiment = run.experiment.model_copy(update={"model": model})
    return Run(run.path, experiment, run.environment, run.rows, run.summary)


def papers_run(depth: int, shortcut: str = "none", seed: int = 0, until: int = 64_000) -> Run:
    """A run of the paper's schedule, with rows at steps 200, 400 and `until`."""
    run = make_run(depth, shortcut, seed, steps=64_000, batch_size=128, learning_rate=0.1)
    last = Row(until, 163.84, 0.001, 0.1, 2.0, 1.0, 0.4, 9.0, 500.0, 3000.0)
    status = "finished" if until == 64_000 else "interrupted"
    return replace(run, rows=(*run.rows, last), summary={"status": status, "steps": until})


def group_of(*runs: Run) -> Group:
    (group,) = comparable_groups(runs)
    return group


def xs(line: Line2D) -> list[float]:
    return np.asarray(line.get_xdata(), dtype=float).tolist()


def ys(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata(), dtype=float).tolist()


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


EPOCH = 391


def he(run: Run) -> Run:
    return with_model(run, classifier_initialization="he")


def tenth(depth: int, shortcut: str = "none", seed: int = 0, error: float = 50.0, **training: Any) -> Run:
    """A run of a tenth of the paper's schedule, with a row at each epoch."""
    run = make_run(depth, shortcut, seed, steps=6400, **{"batch_size": 128, "learning_rate": 0.1, **training})
    last = run.rows[-1]
    rows = [replace(last, step=EPOCH * epoch, test_error_pct=error + epoch) for epoch in range(1, 17)]
    return replace(run, rows=(*rows, replace(last, step=6400)))


def contrasts() -> list[Run]:
    """Runs that suffice for the figures CONTRASTS: of one group, and one that has grown from a net of it."""
    source, grown = tenth(20), tenth(56)
    experiment = grown.experiment.model_copy(update={"start": StartSpec(run=source.experiment.name)})
    grown = replace(grown, experiment=experiment, environment=grown.environment | {"start": {"steps": 6400}})
    return [source, he(tenth(20)), tenth(56, "identity"), he(tenth(56, "identity")), tenth(44), grown]


CONTRASTS = ["classifier", "reproductions", "construction"]


def everything() -> list[Run]:
    """Runs of one group that suffice for every figure except CONTRASTS."""
    values = [
        (step, "layer_response", layer, "std", 1.0 + step) for step in (1, 400) for layer in ("a", "b")
    ]  # fmt: skip
    values += [(step, "gradient_norm", layer, "norm", 10.0**-step) for step in (1, 4) for layer in ("a", "b")]
    values += [(step, "input_percentiles", "deep.act1", name, value) for step in (1, 400)
               for name, value in (("p15", -1.0), ("p50", 0.5), ("p85", 1.0))]  # fmt: skip
    ratios = [(step, "branch_to_shortcut", f"stage{n}.0", "ratio", 0.5) for step in (1, 400) for n in (1, 2, 3)]
    return [
        with_probes(make_run(20), values),
        make_run(20, seed=1, test_error=62.0),
        make_run(56),
        with_probes(make_run(20, "identity"), [*values, *ratios]),
        with_model(make_run(20, learning_rate=0.01), normalization="none"),
        make_run(110, status="diverged"),
    ]
