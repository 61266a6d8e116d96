"""Which runs count for a claim: schedules, data, recipes, and what several conditions say together."""

from dataclasses import replace
from typing import Any

import pytest
from conftest import make_run
from papers_runs import PAPERS, PLAIN_20, PLAIN_56, WARM, ruling_on, runs_of, verdict_on

from resnet_repro.claims.wording import question
from resnet_repro.record.run import Run


def pair(steps: int, errors: tuple[float, float], seeds: int = 2) -> list[Run]:
    """Plain-20 and plain-56 with these test errors, and a spread of 0.1 points."""
    return [make_run(depth, test_error=error + 0.1 * seed, steps=steps, seed=seed)
            for depth, error in zip((20, 56), errors, strict=True) for seed in range(seeds)]  # fmt: skip


def test_verdicts_name_short_schedules_and_prefer_the_papers_own() -> None:
    short = pair(400, (50.0, 80.0))
    alone = verdict_on("C2", short)
    assert (alone.outcome, alone.setting) == ("reproduced", "short schedule")
    contradicting = runs_of(20, "none", [13.3]) + runs_of(56, "none", [9.7])
    both = verdict_on("C2", short + contradicting)
    assert (both.outcome, both.setting, len(both.rulings)) == ("contradicted", "", 2)
    open_still = verdict_on("C2", short + runs_of(20, "none", [9.7]))
    assert (open_still.outcome, open_still.setting) == ("reproduced", "short schedule")
    full = verdict_on("C2", short, full_length=True)
    assert (full.outcome, full.missing) == ("not run", "needs plain56, plain20, at full length")


def test_the_longest_schedule_comes_first_also_if_only_a_shorter_one_decides() -> None:
    found = verdict_on("C2", pair(400, (50.0, 80.0)) + pair(800, (40.0, 30.0)) + pair(6400, (30.0, 30.1)))
    assert [(ruling.groups[0].condition.steps, ruling.outcome) for ruling in found.rulings] == [
        (6400, "inconclusive"), (800, "contradicted"), (400, "reproduced")]  # fmt: skip
    assert found.outcome == "inconclusive"


def test_runs_tested_on_held_out_images_never_stand_for_test_errors() -> None:
    def held_out(run: Run) -> Run:
        data = run.experiment.data.model_copy(update={"validation_images": 5000})
        return replace(run, experiment=run.experiment.model_copy(update={"data": data}))

    full = [held_out(run) for run in runs_of(110, "identity", [6.43, 6.53, 6.61, 6.69, 6.82, 6.6, 6.6, 6.6])]
    assert verdict_on("C7", full).outcome == "not run"
    mixed = verdict_on("C2", PLAIN_20 + [held_out(run) for run in PLAIN_56])
    assert mixed.outcome == "not run"
    apart = verdict_on("C2", [held_out(run) for run in PLAIN_20 + PLAIN_56])
    assert apart.outcome == "reproduced"
    assert apart.setting == "on CIFAR-10, tested on 5000 held-out training images, not on the test set of CIFAR-10"
    assert apart.ruling
    assert question(apart.ruling.evidence[0]) == "validation error: plain-56 > plain-20"


def test_a_name_and_a_flag_do_not_make_data_the_papers() -> None:
    def called(run: Run) -> Run:
        return replace(run, environment={"data": {"name": "CIFAR-10", "exact": True, "digest": "00 11"}})

    found = verdict_on("C2", [called(run) for run in PLAIN_20 + PLAIN_56])
    assert found.setting == "on data called CIFAR-10 (00 11), not on CIFAR-10"
    assert verdict_on("C2", PLAIN_20 + [called(run) for run in PLAIN_56]).outcome == "not run"


def test_precisions_are_not_compared() -> None:
    for run in (bf16 := runs_of(56, "none", [13.2, 13.3, 13.4])):
        run.environment["precision"] = "bf16"
    found = verdict_on("C2", PLAIN_20 + bf16)
    assert (found.outcome, found.missing) == (
        "inconclusive", "plain-56 and plain-20 were trained differently (precision)")  # fmt: skip


def test_a_claim_of_scope_full_is_not_judged_on_a_short_schedule() -> None:
    short = [make_run(110, "identity", test_error=6.6, warmup=WARM, steps=6400, batch_size=128)]
    assert verdict_on("C7", short).outcome == "not run"
    assert verdict_on("C7", short).missing == "needs resnet110, at full length"


@pytest.mark.parametrize(("steps", "outcome"), [(6399, "not run"), (6400, "reproduced")])
def test_a_claim_of_scope_tenth_is_judged_from_a_tenth_of_the_schedule_on(steps: int, outcome: str) -> None:
    short = [make_run(110, train_error=90.0, test_error=90.0, warmup=WARM, steps=steps, batch_size=128, seed=seed)
             for seed in (0, 1)]  # fmt: skip
    assert verdict_on("C4", short).outcome == outcome
    assert verdict_on("C4", short).setting == ("short schedule" if outcome == "reproduced" else "")
    if outcome == "not run":
        assert verdict_on("C4", short).missing == "needs plain110, at a tenth of it or more"


def warming(seed: int, warm: bool, below: int, every: int = 100, **fields: Any) -> Run:
    """ResNet-110 with rows of the running training error, which is 95 % before the step `below` and 50 % from it on."""
    schedule: dict[str, Any] = {**PAPERS, "steps": 1200, "milestones": (), "record_every": every, **fields}
    made = make_run(110, "identity", warmup=WARM if warm else None, seed=seed, **schedule)
    rows = [replace(made.rows[-1], step=step, train_error_pct=95.0 if step < below else 50.0, test_error_pct=None)
            for step in range(every, schedule["steps"], every)]  # fmt: skip
    return replace(made, rows=(*rows, replace(made.rows[-1], step=schedule["steps"])))


def both_ways(**fields: Any) -> list[Run]:
    return [warming(seed, warm, below + 100 * seed, **fields)
            for warm, below in ((True, 400), (False, 1000)) for seed in (0, 1)]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "reproduced"),
        ({"steps": 6400, "milestones": (3200, 4800)}, "reproduced"),
        ({"steps": 999}, "not run"),
        ({"milestones": (900,)}, "not run"),
        ({"batch_size": 64}, "not run"),
        ({"learning_rate": 0.05}, "not run"),
        ({"data": "synthetic shapes"}, "not run"),
    ],
)
def test_a_claim_of_scope_opening_is_judged_by_any_schedule_that_begins_as_the_papers(
    fields: dict[str, Any], outcome: str
) -> None:
    """Whether both end with a similar error needs the whole schedule."""
    found = verdict_on("C9", both_ways(**fields))
    assert (found.outcome, found.setting) == (outcome, "short schedule, in part" if outcome == "reproduced" else "")
    if outcome == "reproduced":
        assert [evidence.check.measure for evidence in ruling_on("C9", both_ways(**fields)).evidence] == [
            "steps_to_80_pct_train_error", "steps_to_90_pct_train_error"]  # fmt: skip
    if fields.get("steps") == 999:
        assert found.missing == "needs resnet110, resnet110-cold, for 1,000 steps or more"


def test_a_full_run_of_one_net_leaves_what_the_opening_says_as_it_is() -> None:
    for others in (PLAIN_20, runs_of(110, "identity", [6.6])):
        found = verdict_on("C9", [*both_ways(), *others])
        assert (found.outcome, found.setting) == ("reproduced", "short schedule, in part")


def test_full_runs_of_one_net_and_the_opening_of_the_other_say_in_part() -> None:
    """Whether both end with a similar error is open, though the first comparison is made at full length."""
    warm = [warming(seed, True, 400, steps=64_000, milestones=(32_000, 48_000)) for seed in (0, 1)]
    found = verdict_on("C9", [*warm, *(warming(seed, False, 1100) for seed in (0, 1))])
    assert (found.outcome, found.setting) == ("reproduced", "short schedule, in part")


def test_a_schedule_on_which_a_run_diverged_does_not_hide_another() -> None:
    longer: dict[str, Any] = {"steps": 6400, "milestones": (3200, 4800)}
    runs = [*(warming(seed, True, 400, **longer) for seed in range(3)),
            replace(warming(3, True, 400, **longer), summary={"status": "diverged", "steps": 9})]  # fmt: skip
    assert verdict_on("C9", [*both_ways(), *runs]).outcome == "reproduced"


def test_of_several_schedules_the_one_that_tells_most_judges_each_check_of_scope_opening() -> None:
    longer = [warming(0, True, 500, steps=6400, milestones=(3200, 4800))]
    evidence = ruling_on("C9", [*longer, *both_ways()]).evidence
    assert [found.group.condition.steps for found in evidence] == [1200, 1200]
    assert [found.outcome for found in evidence] == ["reproduced", "reproduced"]


def test_a_net_that_guesses_has_not_begun_though_every_other_row_is_below_ninety_percent() -> None:
    def guessing(seed: int) -> Run:
        made = warming(seed, False, 10_000)
        rows = [
            replace(row, train_error_pct=90.0 + (-1) ** (number + seed) / 2) for number, row in enumerate(made.rows)
        ]
        return replace(made, rows=tuple(rows))

    runs = [run for seed in (0, 1) for run in (warming(seed, True, 400), guessing(seed))]
    [found] = ruling_on("C9", runs).evidence[1:]
    assert found.outcome == "reproduced"
    assert found.left.name == "ResNet-110 without warm-up"


def test_a_step_is_known_as_exactly_as_rows_are_recorded() -> None:
    fine, coarse = (
        ruling_on("C9", [warming(seed, True, 300, every=every) for seed in (0, 1)]).evidence[0].interval
        for every in (100, 300)
    )
    assert fine
    assert coarse
    assert (fine.value, coarse.value) == (300, 300)
    assert coarse.half_width == pytest.approx(3 * fine.half_width)


def test_other_data_are_never_mixed_with_cifar_10() -> None:
    synthetic = [run for depth, errors in ((20, [9.7, 9.8]), (56, [13.3, 13.4]))
                 for run in runs_of(depth, "none", errors, data="synthetic shapes")]  # fmt: skip
    found = verdict_on("C2", synthetic)
    assert (found.outcome, found.setting) == ("reproduced", "on synthetic shapes, not on CIFAR-10")
    assert verdict_on("C2", PLAIN_20 + synthetic[2:]).outcome == "not run"
    preferred = verdict_on("C2", synthetic + pair(400, (80.0, 50.0)))
    assert (preferred.outcome, preferred.setting) == ("contradicted", "short schedule")


def test_only_the_papers_whole_recipe_counts_at_full_length() -> None:
    other = runs_of(56, "none", [13.3], nesterov=True)
    assert verdict_on("C2", PLAIN_20 + other).missing == "needs plain-56"
    cold = [make_run(110, "identity", test_error=6.6, **PAPERS)]
    assert verdict_on("C7", cold).outcome == "not run"


def test_a_seed_that_was_recorded_in_two_ways_counts_once() -> None:
    recorded_more = [replace(run, path=run.path / "again") for run in
                     runs_of(20, "none", [9.6, 9.7, 9.8], record_every=100, name="again")]  # fmt: skip
    [evidence] = ruling_on("C2", PLAIN_20 + recorded_more + PLAIN_56).evidence
    assert evidence.right is not None
    assert evidence.right.estimate is not None
    assert evidence.right.estimate.n == 3


@pytest.mark.parametrize("field", [{"learning_rate": 0.001}, {"weight_decay": 0.0}, {"nesterov": True}])
def test_nets_that_were_trained_differently_are_not_compared(field: dict[str, Any]) -> None:
    found = verdict_on("C2", [make_run(20, test_error=50.0), make_run(56, test_error=80.0, **field)])
    [name] = field
    assert (found.outcome, found.missing) == (
        "inconclusive",
        f"plain-56 and plain-20 were trained differently ({name})",
    )


def test_two_ways_of_training_one_net_are_not_averaged() -> None:
    runs = [make_run(20, name="a"), make_run(20, name="b", learning_rate=0.5), make_run(56)]
    missing = verdict_on("C2", runs).missing
    assert "plain-20 was trained in more than one way (a in fp32, b in fp32); keep one" in missing


def test_runs_that_needed_different_files_of_the_users_own_are_not_averaged() -> None:
    def with_file(run: Run, digest: str) -> Run:
        return replace(run, environment=run.environment | {"imported": {"mine.py": digest}})

    runs = [with_file(make_run(20, seed=seed), digit * 64) for seed, digit in enumerate("ab")]
    missing = verdict_on("C2", [make_run(56), *runs, make_run(20, seed=2)]).missing
    ways = ("none20 in fp32 with mine.py aaaaaaaaaa", "none20 in fp32 with mine.py bbbbbbbbbb", "none20 in fp32")
    assert "plain-20 was trained in more than one way (" in missing
    assert all(way in missing for way in ways)


def test_a_net_in_two_precisions_is_judged_in_each_and_the_one_with_more_runs_comes_first() -> None:
    fp32 = pair(400, (30.0, 30.05), seeds=2)
    bf16 = pair(400, (50.0, 80.0), seeds=3)
    for run in bf16:
        run.environment["precision"] = "bf16"
    found = verdict_on("C2", fp32 + bf16)
    assert [(ruling.groups[0].runs[0].precision, ruling.outcome) for ruling in found.rulings] == [
        ("bf16", "reproduced"), ("fp32", "inconclusive")]  # fmt: skip
    assert "trained in more than one way" not in found.missing


def test_nets_of_two_precisions_stay_together_while_each_has_one() -> None:
    runs = pair(400, (50.0, 80.0))
    for run in runs[2:]:
        run.environment["precision"] = "bf16"
    found = verdict_on("C2", runs)
    assert (found.outcome, found.missing) == (
        "inconclusive", "plain-56 and plain-20 were trained differently (precision)")  # fmt: skip


def test_parameters_are_compared_exactly_on_any_schedule() -> None:
    runs = [make_run(20), make_run(20, "identity")]
    for run in runs:
        run.summary["parameters"] = 269_722
    found = ruling_on("C10", runs)
    assert (found.evidence[0].outcome, found.setting) == ("reproduced", "")
    runs[0].summary["parameters"] += 1
    assert verdict_on("C10", runs).outcome == "contradicted"


def test_a_claim_of_scope_any_pools_all_conditions() -> None:
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


def test_conditions_without_a_comparison_are_left_out_if_others_have_one() -> None:
    alone = make_run(56, test_error=70.0, steps=800)
    found = verdict_on("C2", [make_run(20, test_error=50.0), make_run(56, test_error=80.0), alone])
    assert [ruling.groups[0].condition.steps for ruling in found.rulings] == [400]
