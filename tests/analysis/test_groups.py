"""Groups, names, estimates and effects of made-up runs."""

from dataclasses import replace

import pytest
from conftest import make_run

from resnet_repro.analysis.effects import effects
from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.papers.data import CIFAR10_DIGEST
from resnet_repro.record.run import Run
from resnet_repro.spec import ModelSpec
from resnet_repro.spec.naming import net_name
from resnet_repro.spec.variation import vary


def test_an_estimate_has_the_sample_standard_deviation_and_n() -> None:
    assert estimate([1.0, 3.0]) == pytest.approx((2.0, 2**0.5, 2))
    assert str(estimate([1.0, 3.0])) == "2.00 ± 1.41 (n=2)"
    assert str(estimate([1.0])) == "1.00 (n=1)"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"shortcut": "none"}, "plain-56"),
        ({}, "ResNet-56"),
        ({"normalization": "none"}, "ResNet-56 without BN"),
        ({"option": "B"}, "ResNet-56 (option B)"),
        ({"normalization": "none", "width": 32}, "ResNet-56 without BN (width 32)"),
    ],
)
def test_nets_have_their_usual_names(fields: dict[str, object], name: str) -> None:
    assert net_name(ModelSpec.model_validate({"depth": 56, **fields})) == name


def test_runs_with_different_data_schedules_or_batch_sizes_are_in_different_groups() -> None:
    runs = [
        make_run(),
        make_run(data="synthetic shapes"),
        make_run(steps=500),
        make_run(batch_size=128),
        make_run(milestones=[10]),
    ]
    assert len(comparable_groups(runs)) == 5


def test_learning_rates_may_differ_within_a_group_and_the_title_lists_them() -> None:
    groups = comparable_groups([make_run(), make_run(depth=56, learning_rate=0.01)])
    assert len(groups) == 1
    assert "learning rate 0.01 or 0.02" in groups[0].title()


def test_two_trainings_of_one_net_are_named_after_their_specs() -> None:
    group = comparable_groups([make_run(name="a"), make_run(name="b", learning_rate=0.5)])[0]
    assert [entry.name for entry in group.entries] == ["plain-20 [a]", "plain-20 [b]"]


def test_seeds_of_one_experiment_are_one_entry() -> None:
    group = comparable_groups([make_run(seed=0, test_error=60.0), make_run(seed=1, test_error=62.0)])[0]
    assert len(group.entries) == 1
    assert group.entries[0].final("test_error_pct") == pytest.approx((61.0, 2**0.5, 2))


def test_only_finished_runs_count_in_a_final_error() -> None:
    runs = [make_run(seed=0), make_run(seed=1, status="diverged"), make_run(seed=2, status="interrupted")]
    group = comparable_groups(runs)[0]
    final = group.entries[0].final("train_error_pct")
    assert final is not None
    assert final.n == 1
    assert group.title().endswith("3 seeds per net · of 3 runs 1 diverged, 1 interrupted")
    assert group.entries[0].final_text("train_error_pct") == "50.00 (n=1, 1 diverged, 1 interrupted)"


def test_the_degradation_and_the_fix_are_differences_in_points() -> None:
    runs = [
        make_run(20, "none", train_error=50.0),
        make_run(56, "none", train_error=80.0),
        make_run(20, "identity", train_error=45.0),
        make_run(56, "identity", train_error=42.0),
    ]
    found = {
        effect.name: effect for effect in effects(comparable_groups(runs)[0]) if effect.column == "train_error_pct"
    }
    assert found["degradation"].points == pytest.approx(30.0)
    assert (found["degradation"].worse, found["degradation"].better) == ("plain-56", "plain-20")
    assert found["fix"].points == pytest.approx(38.0)
    assert (found["fix"].worse, found["fix"].better) == ("plain-56", "ResNet-56")


def test_an_effect_has_its_interval_and_numbers_of_runs() -> None:
    shallow = [make_run(20, seed=seed, train_error=error) for seed, error in enumerate((49.0, 50.0, 51.0))]
    deep = [make_run(56, seed=seed, train_error=error) for seed, error in enumerate((78.0, 82.0))]
    [found] = [e for e in effects(comparable_groups([*shallow, *deep])[0]) if e.column == "train_error_pct"]
    assert found.interval
    assert found.interval.error.freedom == pytest.approx(1 + 2 / 8)  # of plain-56 and, for a variance 8 times as small
    assert str(found) == f"+30.0 ± {found.interval.half_width:.1f} points (n=2, 3)"
    borrowed = effects(comparable_groups([*shallow, deep[0]])[0])[0]
    assert str(borrowed) == f"+28.0 ± {4.302653 * (4 / 3) ** 0.5:.1f}† points (n=1, 3)"  # t of 2 degrees


def test_an_effect_of_single_runs_has_no_interval_however_large_it_is() -> None:
    [found] = [e for e in effects(comparable_groups([make_run(20), make_run(56, train_error=90.0)])[0])
               if e.column == "train_error_pct"]  # fmt: skip
    assert (found.interval, str(found)) == (None, "+40.0 points (n=1, 1; a second seed is needed)")


def test_an_effect_the_other_way_is_negative() -> None:
    runs = [make_run(20, "none", train_error=50.0), make_run(56, "none", train_error=40.0)]
    assert effects(comparable_groups(runs)[0])[0].points == pytest.approx(-10.0)


def test_nets_that_diverged_have_no_effect() -> None:
    runs = [make_run(20), make_run(56, status="diverged"), make_run(56, "identity")]
    assert effects(comparable_groups(runs)[0]) == []


def test_the_title_names_short_schedules_and_other_data() -> None:
    short = comparable_groups([make_run()])[0]
    assert "400 steps of 64 (short: the paper's schedule has 64000)" in short.title()
    assert not short.condition.is_papers
    paper = comparable_groups([make_run(steps=64_000, batch_size=128)])[0]
    assert "short" not in paper.title()
    assert paper.condition.is_papers
    synthetic = comparable_groups([make_run(steps=64_000, batch_size=128, data="synthetic shapes")])[0]
    assert synthetic.title().startswith("synthetic shapes")
    assert not synthetic.condition.is_papers


def test_runs_tested_on_held_out_images_are_apart_and_named_so() -> None:
    held_out = make_run(steps=64_000, batch_size=128)
    data = held_out.experiment.data.model_copy(update={"validation_images": 5000})
    held_out = replace(held_out, experiment=held_out.experiment.model_copy(update={"data": data}))
    groups = comparable_groups([held_out, make_run(steps=64_000, batch_size=128, seed=1)])
    assert [(group.condition.is_papers, group.condition.test_label) for group in groups] == [
        (True, "test error"), (False, "validation error")]  # fmt: skip
    assert groups[1].title().startswith("CIFAR-10, tested on 5000 held-out training images · 64000 steps")
    assert len({group.condition.slug for group in groups}) == 2


def test_seeds_of_one_precision_are_one_net_whether_their_specs_asked_for_it_or_for_auto() -> None:
    (group,) = comparable_groups([make_run(20), make_run(20, seed=1, precision="fp32")])
    assert [len(entry.runs) for entry in group.entries] == [2]


def test_groups_whose_rates_drop_by_other_factors_have_figures_of_other_names() -> None:
    groups = comparable_groups([make_run(20), make_run(20, gamma=0.5), make_run(20, gamma=0.25)])
    assert [group.condition.slug for group in groups] == [
        "cifar-10-400x64", "cifar-10-400x64-gamma-0.25", "cifar-10-400x64-gamma-0.5"]  # fmt: skip


@pytest.mark.parametrize("exact", [True, False])
def test_the_digest_alone_says_what_the_data_are(exact: bool) -> None:
    def run(digest: str, name: str = "CIFAR-10", seed: int = 0) -> Run:
        made = make_run(seed=seed)
        return replace(made, environment={"data": {"name": name, "exact": exact, "digest": digest}})

    believed = run("00 11")
    assert (believed.is_cifar10, believed.data_name) == (False, "data called CIFAR-10 (00 11)")
    assert run(CIFAR10_DIGEST, "whatever").data_name == "CIFAR-10"
    assert len(comparable_groups([run("aa" * 32), run("bb" * 32, seed=1)])) == 2


def test_precisions_are_in_the_title_and_never_averaged() -> None:
    bf16 = make_run(seed=1)
    bf16.environment["precision"] = "bf16"
    [group] = comparable_groups([make_run(), bf16])
    assert "CPU · bf16 or fp32 · 1 seed per net" in group.title()
    assert [entry.name for entry in group.entries] == ["plain-20 [bf16]", "plain-20 [fp32]"]
    assert "bf16" not in group.only(group.entries[1:]).title()


def test_a_varied_run_is_shown_by_its_net_and_what_differs() -> None:
    varied = vary(make_run(name="p").experiment, {"training.learning_rate": [0.1, 0.05]})
    [group] = comparable_groups([replace(make_run(), experiment=experiment) for experiment in varied])
    assert [entry.name for entry in group.entries] == [
        "plain-20 [p-learning_rate-0.05]",
        "plain-20 [p-learning_rate-0.1]",
    ]
