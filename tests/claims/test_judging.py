"""Outcomes of claims on made-up runs: every outcome, and the edges between them."""

import re
from dataclasses import replace

import pytest
from conftest import make_run
from papers_runs import PLAIN_20, PLAIN_56, measure_responses, ruling_on, run_of_net, runs_of, verdict_on

from resnet_repro.claims import judge
from resnet_repro.claims.wording import difference
from resnet_repro.papers import CLAIMS
from resnet_repro.record.run import Run


def test_a_clear_difference_reproduces_a_claim() -> None:
    found = verdict_on("C2", PLAIN_20 + PLAIN_56)
    assert (found.outcome, found.setting, found.missing) == ("reproduced", "", "")
    [evidence] = ruling_on("C2", PLAIN_20 + PLAIN_56).evidence
    assert evidence.interval is not None
    assert evidence.interval.value == pytest.approx(3.6)
    assert 0.2 < evidence.interval.half_width < 0.4
    for source in ("their own seeds", "1 other net under these conditions", "the published spread"):
        assert source in evidence.interval.basis


def test_a_clear_difference_the_other_way_contradicts_it() -> None:
    runs = runs_of(20, "none", [13.2, 13.3, 13.4]) + runs_of(56, "none", [9.6, 9.7, 9.8])
    assert verdict_on("C2", runs).outcome == "contradicted"


def test_an_interval_across_the_bound_is_inconclusive_and_tells_how_many_seeds_are_needed() -> None:
    runs = runs_of(20, "none", [9.4, 9.7, 10.0]) + runs_of(56, "none", [9.7, 10.0, 10.3])
    found = verdict_on("C2", runs)
    assert found.outcome == "inconclusive"
    promise = re.fullmatch(
        r"test error: plain-56 > plain-20 is too close to tell \(\+0.30 ± 0.\d\d\); "
        r"about (\d+) more seeds of plain-56 and \1 more seeds of plain-20 would decide it, if the difference stays",
        found.missing,
    )
    assert promise


def test_as_many_seeds_as_a_verdict_asks_for_decide_it() -> None:
    def seeds(depth: int, mean: float, count: int) -> list[Run]:
        """Errors with a spread of 0.3."""
        scale = 0.3 * ((count - 1) / count) ** 0.5
        return runs_of(depth, "none", [mean + scale * (-1) ** seed for seed in range(count)])

    found = verdict_on("C2", seeds(20, 9.7, 4) + seeds(56, 10.1, 4))
    more = re.search(r"about (\d+) more seed", found.missing)
    assert more
    enough = 4 + int(more[1]) + (int(more[1]) % 2)
    assert verdict_on("C2", seeds(20, 9.7, enough) + seeds(56, 10.1, enough)).outcome == "reproduced"


def test_a_difference_that_no_reasonable_number_of_seeds_decides_says_so() -> None:
    runs = runs_of(20, "none", [9.4, 9.7, 10.0]) + runs_of(56, "none", [9.41, 9.71, 10.01])
    assert verdict_on("C2", runs).missing.endswith("), even with 20 seeds of each")
    close = [value for number in range(11) for value in (9.4 + number / 1000, 10.0)]
    many = runs_of(20, "none", close) + runs_of(56, "none", [value + 0.1 for value in close])
    assert verdict_on("C2", many).missing.endswith("), even with 22 seeds of each")


@pytest.mark.parametrize(("gap", "outcome"), [(1.0, "reproduced"), (0.9, "inconclusive"), (-1.0, "contradicted")])
def test_single_runs_at_full_length_are_compared_by_the_published_spread(gap: float, outcome: str) -> None:
    runs = runs_of(20, "none", [9.7]) + runs_of(56, "none", [9.7 + gap])
    found = ruling_on("C2", runs)
    assert found.outcome == outcome
    assert found.evidence[0].interval is not None
    assert found.evidence[0].interval.half_width == pytest.approx(4.302653 * 0.16 * 2**0.5)  # t of 2 degrees
    assert found.evidence[0].interval.borrowed


@pytest.mark.parametrize("gap", [1.0, 30.0, -30.0])
def test_single_runs_decide_nothing_if_no_spread_is_known(gap: float) -> None:
    found = verdict_on("C2", [make_run(20, test_error=60.0), make_run(56, test_error=60.0 + gap)])
    assert (found.outcome, found.missing) == ("inconclusive", "a second seed is needed of plain-56 and plain-20")


def test_a_single_run_takes_the_spread_of_other_nets_under_its_conditions() -> None:
    runs = [make_run(20, seed=seed, test_error=error) for seed, error in enumerate((59.0, 60.0, 61.0))]
    [evidence] = ruling_on("C2", [*runs, make_run(56, test_error=62.0)]).evidence
    assert evidence.interval is not None
    assert evidence.interval.half_width == pytest.approx(4.302653 * (1 + 1 / 3) ** 0.5)  # t of 2 degrees
    assert evidence.outcome == "inconclusive"


def test_equal_values_of_all_seeds_do_not_make_a_result_exact() -> None:
    runs = runs_of(20, "none", [9.7, 9.7]) + runs_of(56, "none", [9.8, 9.8])
    [evidence] = ruling_on("C2", runs).evidence
    assert evidence.interval is not None
    assert 0.1 < evidence.interval.half_width < 1
    assert evidence.outcome == "inconclusive"


def test_a_measure_of_unknown_noise_needs_a_second_seed() -> None:
    runs = runs_of(20, "none", [9.7]) + runs_of(20, "identity", [8.75])
    for run, value in zip(runs, (1.85, 1.55), strict=True):
        measure_responses(run, value)
    [first, *_] = ruling_on("C12", runs).evidence
    assert (first.outcome, first.missing) == ("inconclusive", "a second seed is needed of plain-20 and ResNet-20")


def test_layer_responses_are_compared_by_their_median_at_the_end() -> None:
    runs = runs_of(20, "none", [9.7, 9.8]) + runs_of(20, "identity", [8.75, 8.8])
    for run, value in zip(runs, (1.85, 1.86, 1.55, 1.56), strict=True):
        measure_responses(run, value)
    [first, *_] = ruling_on("C12", runs).evidence
    assert first.left.estimate is not None
    assert first.left.estimate.mean == pytest.approx(1.855)
    assert first.outcome == "reproduced"


def test_a_missing_net_makes_a_chain_inconclusive() -> None:
    found = verdict_on("C3", PLAIN_20 + runs_of(32, "none", [11.5]) + PLAIN_56)
    assert (found.outcome, found.missing) == ("inconclusive", "needs plain-44")


def test_a_claim_without_any_comparison_is_not_run() -> None:
    found = verdict_on("C3", PLAIN_20 + PLAIN_56)
    assert (found.outcome, found.missing) == ("not run", "needs plain-44, plain-32")
    assert verdict_on("C1", PLAIN_20).missing == "needs plain-56"
    untouched = verdict_on("I8", PLAIN_20)
    assert (untouched.outcome, untouched.ruling) == ("not run", None)
    assert "identity_mappings/full-preactivation-110" in untouched.missing


def test_one_contradicted_check_contradicts_the_claim() -> None:
    runs = [run for depth, error in ((20, 9.7), (32, 12.6), (56, 9.0)) for run in runs_of(depth, "none", [error])]
    assert verdict_on("C3", [*runs, *runs_of(44, "none", [14.3])]).outcome == "contradicted"


def test_one_of_several_comparisons_has_to_be_clearer_than_alone_to_contradict_a_claim() -> None:
    """Three comparisons: Holm tests the clearest at 5/3 %, so that a claim is falsely contradicted in 5 % at most."""
    runs = [run for depth in (20, 32, 44) for run in runs_of(depth, "none", [9.7])] + runs_of(56, "none", [8.5])
    found = ruling_on("C3", runs)
    last = found.evidence[0]  # plain-56 against plain-44
    assert last.interval is not None
    assert last.outcome == "inconclusive"
    assert last.interval.chance == pytest.approx(0.05 / 3)
    assert last.interval.at(0.05).high < 0
    assert ruling_on("C2", runs_of(20, "none", [9.7]) + runs_of(56, "none", [8.5])).outcome == "contradicted"


def test_comparisons_that_speak_for_a_claim_are_each_tested_at_5_pct_as_all_have_to_hold() -> None:
    errors = ((20, 9.7), (32, 10.9), (44, 12.1), (56, 13.3))
    found = ruling_on("C3", [run for depth, error in errors for run in runs_of(depth, "none", [error])])
    assert found.outcome == "reproduced"
    assert [evidence.interval and evidence.interval.chance for evidence in found.evidence] == [0.05] * 3


def test_comparisons_that_could_not_be_made_count_too() -> None:
    runs = [*runs_of(44, "none", [9.7]), *runs_of(56, "none", [8.5])]
    [*_, made] = [found for found in ruling_on("C3", runs).evidence if found.interval]
    assert made.interval is not None
    assert made.interval.chance == pytest.approx(0.05 / 3)


def test_rounding_never_shows_another_side_of_a_bound_than_the_outcome() -> None:
    half = 4.302653 * 0.16 * 2**0.5
    for gap, outcome in ((half + 0.0004, "reproduced"), (half - 0.0004, "inconclusive")):
        [evidence] = ruling_on("C2", runs_of(20, "none", [9.7]) + runs_of(56, "none", [9.7 + gap])).evidence
        assert evidence.outcome == outcome
        value, width = map(float, difference(evidence).split(" ± "))
        assert (value > width) is (outcome == "reproduced")


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


def test_a_net_that_diverged_is_not_compared_with_one_that_was_trained_otherwise_or_diverged_too() -> None:
    net, original = "identity_mappings/scaled-0-1", "identity_mappings/original-110"
    fast = [run_of_net(net, status="diverged", steps=6400, learning_rate=50.0) for _ in range(2)]
    runs = [replace(run, experiment=run.experiment.model_copy(update={"seed": seed})) for seed, run in enumerate(fast)]
    others = [run_of_net(original, steps=6400)]
    [found] = [one for one in ruling_on("I1", runs + others).evidence if "scaled-0-1" in one.check.net]
    assert found.missing == "ResNet-110 (h × 0, F × 1) and ResNet-110 were trained differently (learning_rate)"
    also = run_of_net(original, status="diverged")
    also = replace(also, experiment=also.experiment.model_copy(update={"seed": 1}))
    runs = [run_of_net(net, status="diverged"), run_of_net(original), also]
    [found] = [one for one in ruling_on("I1", runs).evidence if "scaled-0-1" in one.check.net]
    assert found.outcome == "inconclusive"


def test_a_single_run_that_diverged_decides_nothing_on_a_short_schedule() -> None:
    def diverged(seeds: int) -> list[Run]:
        return runs_of(110, "none", [70.0] * seeds, status="diverged", steps=6400)

    found = verdict_on("C4", diverged(1))
    assert (found.outcome, found.missing) == ("inconclusive", "a second seed is needed of plain-110")
    assert verdict_on("C4", diverged(2)).outcome == "reproduced"


def test_divergence_reproduces_a_claim_that_a_net_fails() -> None:
    assert verdict_on("C4", runs_of(110, "none", [70.0], status="diverged")).outcome == "reproduced"
    assert verdict_on("C4", runs_of(110, "none", [70.0, 70.4])).outcome == "reproduced"
    assert verdict_on("C4", runs_of(110, "none", [62.0, 62.1])).outcome == "contradicted"  # 57 % in training
    assert verdict_on("C7", runs_of(110, "identity", [6.6], status="diverged")).outcome == "inconclusive"


def test_a_verdict_tells_why_runs_give_no_result() -> None:
    unfinished = verdict_on("C7", runs_of(110, "identity", [6.6], status="interrupted"))
    assert unfinished.missing == "ResNet-110 is unfinished"
    unmeasured = verdict_on("C12", PLAIN_20 + runs_of(20, "identity", [8.75]))
    assert "plain-20 recorded no median layer response" in unmeasured.missing


def test_a_decided_claim_needs_nothing_more() -> None:
    runs = runs_of(44, "identity", [7.0]) + runs_of(56, "identity", [11.0])
    found = verdict_on("C5", runs)
    assert (found.outcome, found.missing) == ("contradicted", "")


def test_every_claim_has_a_verdict_whatever_was_run() -> None:
    found = judge([make_run(status="diverged")])
    assert len(found) == len(CLAIMS)
    assert all(verdict.missing for verdict in found if verdict.outcome == "not run")
