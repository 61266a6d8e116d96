"""Verdicts on made-up runs: every outcome, and the cases at the edge of each."""

from dataclasses import replace

import pytest
from conftest import make_run
from papers_runs import PAPERS, WARM, measure_responses, ruling_on, run_of_net, runs_of, verdict_on

from resnet_repro.claims import judge
from resnet_repro.record.run import Run

PLAIN_20 = runs_of(20, "none", [9.6, 9.7, 9.8])
PLAIN_56 = runs_of(56, "none", [13.2, 13.3, 13.4])


def test_seeds_that_differ_clearly_reproduce_a_claim_as_the_paper_ran_it() -> None:
    found = verdict_on("C2", PLAIN_20 + PLAIN_56)
    assert (found.outcome, found.setting, found.missing) == ("reproduced", "", "")
    [evidence] = ruling_on("C2", PLAIN_20 + PLAIN_56).evidence
    assert evidence.interval is not None
    assert evidence.interval.value == pytest.approx(3.6)
    assert evidence.interval.half_width == pytest.approx(2.776445 * 0.1 * (2 / 3) ** 0.5, rel=1e-5)  # t of 4 degrees
    assert "Welch" in evidence.interval.basis


def test_seeds_that_differ_the_other_way_contradict_it() -> None:
    runs = runs_of(20, "none", [13.2, 13.3, 13.4]) + runs_of(56, "none", [9.6, 9.7, 9.8])
    assert verdict_on("C2", runs).outcome == "contradicted"


def test_an_interval_across_the_bound_is_inconclusive_and_says_how_many_seeds_would_tell() -> None:
    runs = runs_of(20, "none", [9.4, 9.7, 10.0]) + runs_of(56, "none", [9.6, 9.9, 10.2])
    found = verdict_on("C2", runs)
    assert found.outcome == "inconclusive"
    assert found.missing == (
        "test error: plain-56 > plain-20 is too close to tell (+0.20 ± 0.68); "
        "needs about 15 more seeds of plain-56 and 15 more seeds of plain-20"
    )


def test_no_reasonable_number_of_seeds_is_said_too() -> None:
    runs = runs_of(20, "none", [9.4, 9.7, 10.0]) + runs_of(56, "none", [9.41, 9.71, 10.01])
    assert verdict_on("C2", runs).missing.endswith("too close to tell (+0.01 ± 0.68), even with 20 seeds of each")
    alone = verdict_on("C7", runs_of(110, "identity", [6.4, 6.6, 6.8]))
    assert alone.missing.endswith("from 6.45 to 6.77 is too close to tell (6.60 ± 0.50); needs about 5 more seeds of "
                                  "ResNet-110")  # fmt: skip


@pytest.mark.parametrize(("gap", "outcome"), [(0.46, "reproduced"), (0.44, "inconclusive"), (-0.46, "contradicted")])
def test_single_runs_tell_a_gap_from_the_known_seed_noise_only(gap: float, outcome: str) -> None:
    runs = runs_of(20, "none", [9.7]) + runs_of(56, "none", [9.7 + gap])
    found = ruling_on("C2", runs)
    assert found.outcome == outcome
    assert found.evidence[0].interval is not None
    assert found.evidence[0].interval.half_width == pytest.approx(0.4525, abs=1e-3)
    assert "a single run" in found.evidence[0].interval.basis


def test_a_single_run_borrows_the_spread_of_its_neighbours_where_that_is_larger() -> None:
    runs = runs_of(20, "none", [9.0, 10.0, 11.0]) + runs_of(56, "none", [11.0])
    [evidence] = ruling_on("C2", runs).evidence
    assert evidence.interval is not None
    assert evidence.interval.half_width == pytest.approx(4.302653 * (1 + 1 / 3) ** 0.5)  # t of 2 degrees
    assert "the pooled spread of 1 net" in evidence.interval.basis
    assert evidence.outcome == "inconclusive"


def test_seeds_without_any_spread_are_not_taken_for_certainty() -> None:
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


def test_a_net_that_was_not_trained_leaves_a_chain_open() -> None:
    found = verdict_on("C3", PLAIN_20 + runs_of(32, "none", [10.6]) + PLAIN_56)
    assert (found.outcome, found.missing) == ("inconclusive", "needs plain-44")


def test_nothing_compared_is_not_run() -> None:
    found = verdict_on("C3", PLAIN_20 + PLAIN_56)
    assert (found.outcome, found.missing) == ("not run", "needs plain-44, plain-32")
    assert verdict_on("C1", PLAIN_20).missing == "needs plain-56"
    untouched = verdict_on("I8", PLAIN_20)
    assert (untouched.outcome, untouched.ruling) == ("not run", None)
    assert "identity_mappings/full-preactivation-110" in untouched.missing


def test_one_step_of_a_chain_refutes_it_whatever_the_others_are() -> None:
    runs = [run for depth, error in ((20, 9.7), (32, 10.6), (56, 9.0)) for run in runs_of(depth, "none", [error])]
    assert verdict_on("C3", [*runs, *runs_of(44, "none", [11.3])]).outcome == "contradicted"


def test_an_unfinished_run_is_no_result() -> None:
    runs = PLAIN_20 + runs_of(56, "none", [13.3], status="interrupted")
    found = verdict_on("C2", runs)
    assert (found.outcome, found.missing) == ("not run", "plain-56 is unfinished")


def test_a_net_that_diverged_is_neither_averaged_nor_left_out_unsaid() -> None:
    one_of_three = [*PLAIN_56[:2], *runs_of(56, "none", [13.3] * 3, status="diverged")[2:]]
    found = verdict_on("C2", PLAIN_20 + one_of_three)
    assert (found.outcome, found.missing) == ("inconclusive", "plain-56 diverged in 1 of 3 runs")
    everything = verdict_on("C2", PLAIN_20 + runs_of(56, "none", [13.3], status="diverged"))
    assert (everything.outcome, everything.missing) == ("inconclusive", "plain-56 diverged")


def test_a_net_that_fails_in_the_paper_and_diverges_here_is_worse_than_one_that_finished() -> None:
    original = run_of_net("identity_mappings/original-110")
    for net, outcome in (("dropout", "reproduced"), ("conv1x1", "inconclusive")):
        runs = [original, run_of_net(f"identity_mappings/{net}", status="diverged")]
        [found] = [found for found in ruling_on("I1", runs).evidence if net in found.check.net]
        assert found.outcome == outcome


def test_a_net_that_diverged_fails_where_failing_is_the_claim() -> None:
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


def test_a_short_schedule_is_said_with_its_verdict_and_gives_way_to_the_papers_own() -> None:
    short = [make_run(20, test_error=50.0), make_run(56, test_error=80.0)]
    alone = verdict_on("C2", short)
    assert (alone.outcome, alone.setting) == ("reproduced", "short schedule")
    contradicting = runs_of(20, "none", [13.3]) + runs_of(56, "none", [9.7])
    both = verdict_on("C2", short + contradicting)
    assert (both.outcome, both.setting, len(both.rulings)) == ("contradicted", "", 2)
    open_still = verdict_on("C2", short + runs_of(20, "none", [9.7]))
    assert (open_still.outcome, open_still.setting) == ("reproduced", "short schedule")
    full = verdict_on("C2", short, full_length=True)
    assert (full.outcome, full.missing) == ("not run", "needs plain56, plain20, at full length")


def test_of_several_short_schedules_the_longest_that_decides_counts() -> None:
    def pair(steps: int, errors: tuple[float, float]) -> list[Run]:
        return [make_run(depth, test_error=error, steps=steps) for depth, error in zip((20, 56), errors, strict=True)]

    longest = ruling_on("C2", pair(400, (50.0, 80.0)) + pair(800, (40.0, 39.0)) + pair(1600, (30.0, 30.1)))
    assert (longest.groups[0].condition.steps, longest.outcome) == (800, "contradicted")


def test_what_only_the_full_schedule_can_tell_is_not_told_by_a_short_one() -> None:
    short = [make_run(110, "identity", test_error=6.6, warmup=WARM, steps=6400, batch_size=128)]
    assert verdict_on("C7", short).outcome == "not run"
    assert verdict_on("C7", short).missing == "needs resnet110, at full length"


@pytest.mark.parametrize(("steps", "outcome"), [(6399, "not run"), (6400, "reproduced")])
def test_a_tenth_of_the_schedule_tells_that_plain_110_fails_and_is_said_to_be_short(steps: int, outcome: str) -> None:
    short = [make_run(110, train_error=90.0, test_error=90.0, warmup=WARM, steps=steps, batch_size=128)]
    assert verdict_on("C4", short).outcome == outcome
    assert verdict_on("C4", short).setting == ("short schedule" if outcome == "reproduced" else "")
    if outcome == "not run":
        assert verdict_on("C4", short).missing == "needs plain110, at a tenth of it or more"


def test_what_a_tenth_of_the_schedule_tells_of_the_warm_up_is_a_part_of_the_claim() -> None:
    """Not whether both end alike, which only the whole schedule can tell."""

    def run(seed: int, warm: bool, below: int) -> Run:
        made = make_run(110, "identity", test_error=20.0 if warm else 40.0, warmup=WARM if warm else None, steps=6400,
                        batch_size=128, seed=seed)  # fmt: skip
        rows = [replace(made.rows[-1], step=step, train_error_pct=95.0 if step < below else 50.0, test_error_pct=None)
                for step in range(100, 6400, 100)]  # fmt: skip
        return replace(made, rows=(*rows, made.rows[-1]))

    runs = [run(seed, warm, below) for warm, below in ((True, 400), (False, 1600)) for seed in (0, 1)]
    runs += [run(2, True, 500), run(2, False, 1700)]
    found = verdict_on("C9", runs)
    assert (found.outcome, found.setting) == ("reproduced", "short schedule, in part")
    assert [evidence.check.measure for evidence in ruling_on("C9", runs).evidence] == [
        "steps_to_80_pct_train_error", "steps_to_90_pct_train_error"]  # fmt: skip


def test_other_data_are_never_mixed_with_cifar_10_and_never_count_as_the_papers() -> None:
    synthetic = [run for depth, error in ((20, 9.7), (56, 13.3))
                 for run in runs_of(depth, "none", [error], data="synthetic shapes")]  # fmt: skip
    found = verdict_on("C2", synthetic)
    assert (found.outcome, found.setting) == ("reproduced", "on synthetic shapes, not on CIFAR-10")
    assert verdict_on("C2", PLAIN_20 + synthetic[1:]).outcome == "not run"
    preferred = verdict_on("C2", [*synthetic, make_run(20, test_error=80.0), make_run(56, test_error=50.0)])
    assert (preferred.outcome, preferred.setting) == ("contradicted", "short schedule")


def test_only_the_papers_whole_recipe_counts_at_full_length() -> None:
    other = runs_of(56, "none", [13.3], nesterov=True)
    assert verdict_on("C2", PLAIN_20 + other).missing == "needs plain-56"
    cold = [make_run(110, "identity", test_error=6.6, **PAPERS)]  # type: ignore[arg-type]
    assert verdict_on("C7", cold).outcome == "not run"


def test_how_a_run_was_recorded_does_not_matter_and_a_seed_counts_once() -> None:
    recorded_more = [replace(run, path=run.path / "again") for run in
                     runs_of(20, "none", [9.6, 9.7, 9.8], record_every=100, name="again")]  # fmt: skip
    [evidence] = ruling_on("C2", PLAIN_20 + recorded_more + PLAIN_56).evidence
    assert evidence.right is not None
    assert evidence.right.estimate is not None
    assert evidence.right.estimate.n == 3


@pytest.mark.parametrize("field", [{"learning_rate": 0.001}, {"weight_decay": 0.0}, {"nesterov": True}])
def test_nets_that_were_not_trained_alike_are_not_compared(field: dict[str, object]) -> None:
    found = verdict_on("C2", [make_run(20, test_error=50.0), make_run(56, test_error=80.0, **field)])  # type: ignore[arg-type]
    [name] = field
    assert (found.outcome, found.missing) == ("inconclusive", f"plain-56 and plain-20 were trained unlike ({name})")


def test_what_was_trained_but_does_not_tell_is_said() -> None:
    unfinished = verdict_on("C7", runs_of(110, "identity", [6.6], status="interrupted"))
    assert unfinished.missing == "ResNet-110 is unfinished"
    unmeasured = verdict_on("C12", PLAIN_20 + runs_of(20, "identity", [8.75]))
    assert "plain-20 recorded no median layer response" in unmeasured.missing


def test_two_ways_of_training_one_net_are_not_averaged() -> None:
    runs = [make_run(20, name="a"), make_run(20, name="b", learning_rate=0.5), make_run(56)]
    assert "plain-20 was trained in more than one way (a, b); keep one" in verdict_on("C2", runs).missing


def test_equal_numbers_of_parameters_are_exact_and_of_any_schedule() -> None:
    runs = [make_run(20), make_run(20, "identity")]
    for run in runs:
        run.summary["parameters"] = 269_722
    found = ruling_on("C10", runs)
    assert (found.evidence[0].outcome, found.setting) == ("reproduced", "")
    runs[0].summary["parameters"] += 1
    assert verdict_on("C10", runs).outcome == "contradicted"


def test_what_no_condition_changes_is_told_by_all_of_them_together() -> None:
    runs = [
        make_run(depth, shortcut, steps=400 if depth < 56 else 800)
        for depth in (20, 32, 44, 56, 110)
        for shortcut in ("none", "identity")
    ]
    for run in runs:
        run.summary["parameters"] = run.experiment.model.depth
    found = ruling_on("C10", runs)
    assert (found.outcome, found.missing) == ("reproduced", "")
    assert [group.condition.steps for group in found.groups] == [400, 800]
    assert [evidence.group.condition.steps for evidence in found.evidence] == [400, 400, 400, 800, 800]
    assert ruling_on("C10", runs[:-1]).missing == "needs ResNet-110"
    runs[-1].summary["parameters"] += 1
    assert verdict_on("C10", runs).outcome == "contradicted"


def test_conditions_under_which_nothing_was_compared_are_left_out_where_others_tell() -> None:
    alone = make_run(56, test_error=70.0, steps=800)
    found = verdict_on("C2", [make_run(20, test_error=50.0), make_run(56, test_error=80.0), alone])
    assert [ruling.groups[0].condition.steps for ruling in found.rulings] == [400]


def test_what_is_decided_misses_nothing() -> None:
    runs = runs_of(44, "identity", [7.0]) + runs_of(56, "identity", [9.0])
    found = verdict_on("C5", runs)
    assert (found.outcome, found.missing) == ("contradicted", "")


def test_every_claim_has_a_verdict_whatever_was_run() -> None:
    found = judge([make_run(status="diverged")])
    assert len(found) == 26
    assert all(verdict.missing for verdict in found if verdict.outcome == "not run")
