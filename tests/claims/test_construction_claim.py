"""C13: a grown net has the error of its source, and SGD from random weights does not reach it."""

from dataclasses import replace

import pytest
from conftest import make_run
from constructed import grown_run, suite
from papers_runs import verdict_on

from resnet_repro.claims import judge
from resnet_repro.record.run import Run


@pytest.mark.parametrize(
    ("given", "scratch", "outcome"),
    [
        (50.0, 80.0, "reproduced"),
        (50.05, 80.0, "reproduced"),
        (51.0, 80.0, "contradicted"),
        (50.0, 20.0, "contradicted"),
    ],
)
def test_c13_holds_if_the_grown_net_has_its_sources_error_and_random_weights_lead_to_a_higher_one(
    given: float, scratch: float, outcome: str
) -> None:
    assert verdict_on("C13", suite(3, given=given, scratch=scratch)).outcome == outcome


def test_c13_needs_all_three_nets_and_a_second_seed() -> None:
    runs = suite()
    assert verdict_on("C13", [run for run in runs if run.experiment.name != "none56"]).outcome == "inconclusive"
    assert (
        "plain-56 from random weights"
        in verdict_on("C13", [run for run in runs if run.experiment.name != "none56"]).missing
    )
    assert verdict_on("C13", suite(1)).outcome == "inconclusive"
    assert verdict_on("C13", [grown_run(0)]).outcome == "not run"


def test_a_single_net_from_random_weights_does_not_take_the_spread_of_shorter_trainings() -> None:
    found = verdict_on(
        "C13", [run for run in suite(3) if run.experiment.label not in ("none56/seed-1", "none56/seed-2")]
    )
    assert found.outcome == "inconclusive"
    assert "a second seed is needed of plain-56 from random weights" in found.missing


def test_clean_errors_on_other_numbers_of_images_are_not_compared() -> None:
    def measured_on_all(run: Run) -> Run:
        training = run.experiment.training.model_copy(update={"clean_images": 50_000})
        return replace(run, experiment=run.experiment.model_copy(update={"training": training}))

    runs = [measured_on_all(run) if run.experiment.source else run for run in suite(3)]
    assert verdict_on("C13", runs).outcome == "not run"


def test_grown_nets_say_nothing_about_the_other_claims() -> None:
    without = {
        verdict.claim.id: verdict.outcome for verdict in judge([run for run in suite() if not run.experiment.source])
    }
    found = {verdict.claim.id: verdict.outcome for verdict in judge(suite())}
    assert found.pop("C13") == "reproduced"
    assert {**without, "C13": None} == {**found, "C13": None}


def test_a_grown_run_that_still_trains_leaves_its_source_out() -> None:
    runs = [run for run in suite(3) if run.experiment.label not in ("none20/seed-2", "none56-grown-0.02/seed-2")]
    begun = replace(grown_run(2, given=57.0), summary={})
    assert verdict_on("C13", [*runs, make_run(20, "none", 2, 57.0, 67.0), begun]).outcome == "reproduced"


def test_a_net_from_random_weights_that_was_trained_otherwise_is_no_counterpart_of_the_grown_one() -> None:
    def slow(run: Run) -> Run:
        training = run.experiment.training.model_copy(update={"learning_rate": 1e-5})
        return replace(run, experiment=run.experiment.model_copy(update={"name": "a56", "training": training}))

    runs = suite(3, scratch=20.0)
    others = [slow(run) for run in suite(3, scratch=95.0) if run.experiment.name == "none56"]
    assert verdict_on("C13", [*runs, *others]).outcome == "contradicted"
    without = [run for run in runs if run.experiment.name != "none56"]
    assert verdict_on("C13", [*without, *others]).outcome == "inconclusive"
