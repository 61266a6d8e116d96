"""Made-up runs of plain-20, plain-56 grown from it, and plain-56 from random weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from conftest import make_run

from resnet_repro.record.rows import Row
from resnet_repro.record.run import Run
from resnet_repro.spec import StartSpec


def grown_run(seed: int, shortcut: str = "none", rate: float = 0.02, given: float = 50.0, **kept: Any) -> Run:
    """A run of 400 steps, or others, from the net of `source_run`, of which it has the errors."""
    run = make_run(56, shortcut, seed, 45.0, 55.0, name=f"{shortcut}56-grown-{rate:g}", learning_rate=rate, **kept)
    experiment = run.experiment.model_copy(update={"start": StartSpec(run=f"{shortcut}20")})
    first = Row(0, 0.0, rate, None, None, given, 2.0, given + 10, 0.0, 1.0)
    start = {"run": f"{shortcut}20/seed-{seed}", "weights_sha256": "0" * 64, "depth": 20, "steps": 400}
    return replace(
        run, path=Path(experiment.label), experiment=experiment, rows=(first, *run.rows),
        environment=run.environment | {"start": start},
    )  # fmt: skip


def suite(seeds: int = 2, shortcut: str = "none", given: float = 50.0, scratch: float = 80.0) -> list[Run]:
    """With training errors of 50 % of plain-20, and of `scratch` % from random weights after twice the steps."""
    found = []
    for seed in range(seeds):
        found += [
            make_run(20, shortcut, seed, 50.0, 60.0),
            grown_run(seed, shortcut, given=given),
            replace(
                make_run(56, shortcut, seed, scratch + seed / 10, 85.0, name=f"{shortcut}56", steps=800),
                rows=make_run(56, shortcut, seed, scratch + seed / 10, 85.0).rows,
            ),
        ]
    return found
