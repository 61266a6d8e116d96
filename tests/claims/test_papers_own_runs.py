"""Claims that ask for more than an inequality are reproduced by runs with the papers' own numbers."""

from dataclasses import replace

import pytest
from papers_runs import ruling_on, run_of_net, runs_of, verdict_on

from resnet_repro.record.run import Run

PAPERS_FIVE = [6.43, 6.53, 6.61, 6.69, 6.82]  # the best is published, and so are the mean and the spread


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [(PAPERS_FIVE, "reproduced"), ([6.61], "inconclusive"), ([6.9, 7.0, 7.1], "inconclusive"),
     ([7.4, 7.5, 7.6, 7.5, 7.4], "contradicted")],
)  # fmt: skip
def test_c7_is_reproduced_by_the_papers_own_five_seeds(errors: list[float], outcome: str) -> None:
    assert verdict_on("C7", runs_of(110, "identity", errors)).outcome == outcome


def with_training_error(run: Run, error: float) -> Run:
    return replace(run, summary={**run.summary, "last_epoch": {"train_loss": 0.0, "train_error_pct": error}})


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [([0.0], "reproduced"), ([0.0] * 3, "reproduced"), ([0.04, 0.05, 0.06], "reproduced"), ([0.05], "inconclusive"),
     ([0.5, 0.52, 0.51], "contradicted")],
)  # fmt: skip
def test_c8_is_reproduced_by_training_errors_of_zero(errors: list[float], outcome: str) -> None:
    original = [with_training_error(run, 0.01 * run.experiment.seed) for run in runs_of(110, "identity", PAPERS_FIVE)]
    deep = [with_training_error(run, error) for run, error in
            zip(runs_of(1202, "identity", [7.93, 7.9, 8.0][: len(errors)]), errors, strict=True)]  # fmt: skip
    found = ruling_on("C8", original + deep)
    assert (found.evidence[0].outcome, found.evidence[1].outcome) == (outcome, "reproduced")


def test_i7_is_reproduced_by_five_seeds_with_the_papers_means_and_spread_and_not_by_single_runs() -> None:
    def runs(count: int) -> list[Run]:
        return [
            replace(run_of_net(net, test_error=mean + error - 6.61), experiment=run.experiment)
            for name, means in (("relu-only-preactivation", (6.71, 5.91)), ("original", (6.61, 5.93)))
            for depth, mean in zip((110, 164), means, strict=True)
            for seed, error in enumerate(PAPERS_FIVE[:count])
            for net in [f"identity_mappings/{name}-{depth}"]
            for run in [run_of_net(net)]
            for run in [replace(run, experiment=run.experiment.model_copy(update={"seed": seed}))]
        ]

    assert verdict_on("I7", runs(5)).outcome == "reproduced"
    single = verdict_on("I7", runs(1))
    assert single.outcome == "inconclusive"
    assert "more seeds of" in single.missing
