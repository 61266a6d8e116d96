"""Made-up runs under the paper's own conditions, and verdicts on them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from conftest import make_run

from resnet_repro.claims import Ruling, Verdict, judge
from resnet_repro.papers import NETS
from resnet_repro.record.rows import ProbeRow
from resnet_repro.record.run import Run
from resnet_repro.spec import ModelSpec

PAPERS: dict[str, Any] = {"steps": 64_000, "batch_size": 128, "learning_rate": 0.1}
WARM = {"learning_rate": 0.01, "until_train_error_pct": 80}


def runs_of(depth: int, shortcut: str, test_errors: list[float], **fields: Any) -> list[Run]:
    """A run for each test error, with seeds 0, 1, ...; training errors are 5 points lower."""
    warmup = {"warmup": WARM} if depth >= 110 else {}
    return [
        make_run(depth, shortcut, seed=seed, test_error=error, train_error=error - 5, **{**PAPERS, **warmup, **fields})
        for seed, error in enumerate(test_errors)
    ]


PLAIN_20 = runs_of(20, "none", [9.6, 9.7, 9.8])
PLAIN_56 = runs_of(56, "none", [13.2, 13.3, 13.4])


def run_of_net(net: str, test_error: float = 6.6, status: str = "finished", **training: Any) -> Run:
    """A run of one of the papers' nets with its own recipe."""
    recipe = NETS[net]
    run = make_run(test_error=test_error, status=status, name=net, **{**PAPERS, **recipe.training, **training})
    experiment = run.experiment.model_copy(update={"model": ModelSpec.model_validate(recipe.model)})
    return replace(run, path=Path(experiment.label), experiment=experiment)


def verdict_on(claim: str, runs: list[Run], full_length: bool = False) -> Verdict:
    [found] = [verdict for verdict in judge(runs, full_length) if verdict.claim.id == claim]
    return found


def ruling_on(claim: str, runs: list[Run]) -> Ruling:
    ruling = verdict_on(claim, runs).ruling
    assert ruling is not None
    return ruling


def measure_responses(run: Run, median: float) -> None:
    """Give a made-up run three layer responses with that median."""
    run.__dict__["probes"] = [
        ProbeRow(step, "layer_response", f"layer{number}", "std", factor * median)
        for step in (1, 400)
        for number, factor in enumerate((0.5, 1.0, 3.0) if step == 400 else (9.0, 9.0, 9.0))
    ]
