"""Outcomes of claims on made-up runs: every outcome, and the edges between them."""

import pytest
from conftest import make_run
from papers_runs import PLAIN_20, PLAIN_56, measure_responses, ruling_on, run_of_net, runs_of, verdict_on

from resnet_repro.claims import judge


def test_a_clear_difference_reproduces_a_claim() -> None:
    found = verdict_on("C2", PLAIN_20 + PLAIN_56)
    assert (found.outcome, found.setting, found.missing) == ("reproduced", "", "")
    [evidence] = ruling_on("C2", PLAIN_20 + PLAIN_56).evidence
    assert evidence.interval is not None
    assert evidence.interval.value == pytest.approx(3.6)
    assert evidence.interval.half_width == pytest.approx(2.776445 * 0.1 * (2 / 3) ** 0.5, rel=1e-5)  # t of 4 degrees
    assert "Welch" in evidence.interval.basis


def test_a_clear_difference_the_other_way_contradicts_it() -> None:
    runs = runs_of(20, "none", [13.2, 13.3, 13.4]) + runs_of(56, "none", [9.6, 9.7, 9.8])
    assert verdict_on("C2", runs).outcome == "contradicted"


def test_an_interval_across_the_bound_is_inconclusive_and_tells_how_many_seeds_are_needed() -> None:
    runs = runs_of(20, "none", [9.4, 9.7, 10.0]) + runs_of(56, "none", [9.6, 9.9, 10.2])
    found = verdict_on("C2", runs)
    assert found.outcome == "inconclusive"
    assert found.missing == (
        "test error: plain-56 > plain-20 is too close to tell (+0.20 ± 0.68); "
        "needs about 15 more seeds of plain-56 and 15 more seeds of plain-20"
    )


def test_a_difference_that_no_reasonable_number_of_seeds_decides_says_so() -> None:
    runs = runs_of(20, "none", [9.4, 9.7, 10.0]) + runs_of(56, "none", [9.41, 9.71, 10.01])
    assert verdict_on("C2", runs).missing.endswith("too close to tell (+0.01 ± 0.68), even with 20 seeds of each")
    alone = verdict_on("C7", runs_of(110, "identity", [6.4, 6.6, 6.8]))
    assert alone.missing.endswith("from 6.45 to 6.77 is too close to tell (6.60 ± 0.50); needs about 5 more seeds of "
                                  "ResNet-110")  # fmt: skip


@pytest.mark.parametrize(("gap", "outcome"), [(0.46, "reproduced"), (0.44, "inconclusive"), (-0.46, "contradicted")])
def test_single_runs_are_compared_by_the_known_seed_noise(gap: float, outcome: str) -> None:
    runs = runs_of(20, "none", [9.7]) + runs_of(56, "none", [9.7 + gap])
    found = ruling_on("C2", runs)
    assert found.outcome == outcome
    assert found.evidence[0].interval is not None
    assert found.evidence[0].interval.half_width == pytest.approx(0.4525, abs=1e-3)
    assert "a single run" in found.evidence[0].interval.basis


def test_a_single_run_takes_the_spread_of_other_nets_if_that_is_larger() -> None:
    runs = runs_of(20, "none", [9.0, 10.0, 11.0]) + runs_of(56, "none", [11.0])
    [evidence] = ruling_on("C2", runs).evidence
    assert evidence.interval is not None
    assert evidence.interval.half_width == pytest.approx(4.302653 * (1 + 1 / 3) ** 0.5)  # t of 2 degrees
    assert "the pooled spread of 1 net" in evidence.interval.basis
    assert evidence.outcome == "inconclusive"


def test_equal_values_of_all_seeds_do_not_make_a_result_exact() -> None:
    runs = runs_of(20, "none", [9.7, 9.7]) + runs_of(56, "none", [9.8, 9.8])
    [evidence] = ruling_on("C2", runs).evidence
    assert evidence.interval is not None
    assert evidence.interval.half_width == pytest.approx(2 * 0.16)
    assert "no spread between the seeds" in evidence.interval.basis
    assert evidence.outcome == "inconclusive"


def test_a_measure_of_unknown_noise_needs_a_second_seed() -> None:
    runs = runs_of(20, "none", [9.7]) + runs_of(20, "identity", [8.75])
    for run, value in zip(runs, (1.85, 1.55), strict=True):
        measure_responses(run, value)
    [first, *_] = ruling_on("C12", runs).evidence
    assert (first.outcome, first.missing) == ("inconclusive", "needs a second seed of plain-20 and ResNet-20")


def test_seeds_of_another_net_that_agree_by_chance_do_not_make_a_single_run_exact() -> None:
    runs = runs_of(20, "none", [9.7, 9.8]) + runs_of(20, "identity", [8.75])
    for run, value in zip(runs, (1.85, 1.85, 1.55), strict=True):
        measure_responses(run, value)
    [first, *_] = ruling_on("C12", runs).evidence
    assert (first.outcome, first.missing) == ("inconclusive", "needs a second seed of ResNet-20")


def test_layer_responses_are_compared_by_their_median_at_the_end() -> None:
    runs = runs_of(20, "none", [9.7, 9.8]) + runs_of(20, "identity", [8.75, 8.8])
    for run, value in zip(runs, (1.85, 1.86, 1.55, 1.56), strict=True):
        measure_responses(run, value)
    [first, *_] = ruling_on("C12", runs).evidence
    assert first.left.estimate is not None
    assert first.left.estimate.mean == pytest.approx(1.855)
    assert first.outcome == "reproduced"


def test_a_missing_net_makes_a_chain_inconclusive() -> None:
    found = verdict_on("C3", PLAIN_20 + runs_of(32, "none", [10.6]) + PLAIN_56)
    assert (found.outcome, found.missing) == ("inconclusive", "needs plain-44")


def test_a_claim_without_any_comparison_is_not_run() -> None:
    found = verdict_on("C3", PLAIN_20 + PLAIN_56)
    assert (found.outcome, found.missing) == ("not run", "needs plain-44, plain-32")
    assert verdict_on("C1", PLAIN_20).missing == "needs plain-56"
    untouched = verdict_on("I8", PLAIN_20)
    assert (untouched.outcome, untouched.ruling) == ("not run", None)
    assert "identity_mappings/full-preactivation-110" in untouched.missing


def test_one_contradicted_check_contradicts_the_claim() -> None:
    runs = [run for depth, error in ((20, 9.7), (32, 10.6), (56, 9.0)) for run in runs_of(depth, "none", [error])]
    assert verdict_on("C3", [*runs, *runs_of(44, "none", [11.3])]).outcome == "contradicted"


def test_an_unfinished_run_is_no_result() -> None:
    runs = PLAIN_20 + runs_of(56, "none", [13.3], status="interrupted")
    found = verdict_on("C2", runs)
    assert (found.outcome, found.missing) == ("not run", "plain-56 is unfinished")


def test_runs_that_diverged_are_reported_and_not_averaged() -> None:
    one_of_three = [*PLAIN_56[:2], *runs_of(56, "none", [13.3] * 3, status="diverged")[2:]]
    found = verdict_on("C2", PLAIN_20 + one_of_three)
    assert (found.outcome, found.missing) == ("inconclusive", "plain-56 diverged in 1 of 3 runs")
    everything = verdict_on("C2", PLAIN_20 + runs_of(56, "none", [13.3], status="diverged"))
    assert (everything.outcome, everything.missing) == ("inconclusive", "plain-56 diverged")


def test_a_net_that_diverges_is_worse_than_a_finished_one_if_it_also_fails_in_the_paper() -> None:
    original = run_of_net("identity_mappings/original-110")
    for net, outcome in (("dropout", "reproduced"), ("conv1x1", "inconclusive")):
        runs = [original, run_of_net(f"identity_mappings/{net}", status="diverged")]
        [found] = [found for found in ruling_on("I1", runs).evidence if net in found.check.net]
        assert found.outcome == outcome


def test_divergence_reproduces_a_claim_that_a_net_fails() -> None:
    assert verdict_on("C4", runs_of(110, "none", [70.0], status="diverged")).outcome == "reproduced"
    assert verdict_on("C4", runs_of(110, "none", [70.0])).outcome == "reproduced"
    assert verdict_on("C4", runs_of(110, "none", [62.0])).outcome == "contradicted"  # 57 % in training
    assert verdict_on("C7", runs_of(110, "identity", [6.6], status="diverged")).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [([6.61] * 2, "inconclusive"), ([6.5, 6.61, 6.7] * 4, "reproduced"), ([7.0, 7.1, 7.2], "contradicted")],
)
def test_a_value_is_within_bounds_only_if_its_whole_interval_is(errors: list[float], outcome: str) -> None:
    assert verdict_on("C7", runs_of(110, "identity", errors)).outcome == outcome


def test_a_verdict_tells_why_runs_give_no_result() -> None:
    unfinished = verdict_on("C7", runs_of(110, "identity", [6.6], status="interrupted"))
    assert unfinished.missing == "ResNet-110 is unfinished"
    unmeasured = verdict_on("C12", PLAIN_20 + runs_of(20, "identity", [8.75]))
    assert "plain-20 recorded no median layer response" in unmeasured.missing


def test_a_decided_claim_needs_nothing_more() -> None:
    runs = runs_of(44, "identity", [7.0]) + runs_of(56, "identity", [9.0])
    found = verdict_on("C5", runs)
    assert (found.outcome, found.missing) == ("contradicted", "")


def test_every_claim_has_a_verdict_whatever_was_run() -> None:
    found = judge([make_run(status="diverged")])
    assert len(found) == 26
    assert all(verdict.missing for verdict in found if verdict.outcome == "not run")
