"""The account of noise: moderated variances, intervals, Holm's levels, what a single run can say."""

import math
from itertools import pairwise
from typing import Any

import pytest
from conftest import make_run
from scipy.stats import beta, t, ttest_ind

from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.analysis.known import known
from resnet_repro.analysis.noise import (
    PUBLISHED,
    UNKNOWN,
    Interval,
    Known,
    Spread,
    holm,
    interval,
    moderated,
    none_wrong,
    pooled,
    spread_of,
)
from resnet_repro.record.run import Run


def width(estimates: list[Estimate], accounts: list[Known]) -> float:
    found = interval(estimates, accounts)
    assert found is not None
    return found.half_width


def test_the_interval_of_one_mean_without_other_knowledge_is_students() -> None:
    values = [27.5, 21.0, 19.0, 23.6, 17.0]
    one = estimate(values)
    low, high = t.interval(0.95, 4, loc=one.mean, scale=(one.std or 0) / 5**0.5)
    found = interval([one], [Known(spread_of(one))])
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))


def test_two_nets_of_equal_spread_have_the_interval_of_their_pooled_variance_with_the_freedom_of_either() -> None:
    left, right = [10.0, 11.0, 12.0], [20.0, 21.0, 22.0]
    estimates = [estimate(left), estimate(right)]
    spreads = [spread_of(one) for one in estimates]
    accounts = [Known(spreads[0], (spreads[1],)), Known(spreads[1], (spreads[0],))]
    theirs = ttest_ind(left, right).confidence_interval(0.95)
    assert width(estimates, accounts) == pytest.approx((theirs.high - theirs.low) / 2)


def test_a_prior_counts_for_two_degrees_of_freedom_at_most_and_less_if_it_disagrees() -> None:
    agreeing = moderated(Spread(1.0, 3.0), Spread(1.0, 50.0))
    assert (float(agreeing.variance), float(agreeing.freedom)) == pytest.approx((1.0, 5.0))
    for own, weight in ((4.0, 0.5), (0.25, 1.0), (1e6, 0.0), (1e-12, 0.0)):
        found = moderated(Spread(own, 1.0), Spread(1.0, 50.0))
        assert float(found.freedom) == pytest.approx(1 + weight, abs=1e-5)
        assert float(found.variance) == pytest.approx((own + weight) / (1 + weight), rel=1e-5, abs=3e-6)


def test_a_prior_of_few_degrees_of_freedom_is_not_taken_for_more() -> None:
    assert float(moderated(UNKNOWN, Spread(1.0, 1.0)).freedom) == 1.0
    assert float(moderated(UNKNOWN, UNKNOWN).freedom) == 0.0


def test_nothing_jumps_as_a_spread_grows_past_the_published_one() -> None:
    """A spread of 0.159 once gave ±0.45, one of 0.161 ±2.89."""
    one = Estimate(9.7, None, 1)

    def at(std: float) -> float:
        two = Estimate(9.0, std, 2)
        accounts = [Known(UNKNOWN, (spread_of(two),), PUBLISHED), Known(spread_of(two), (), PUBLISHED)]
        return width([one, two], accounts)

    stds = [0.01 * 1.02**number for number in range(400)]
    widths = [at(std) for std in stds]
    assert all(0.95 < after / before < 1.05 for before, after in pairwise(widths))


@pytest.mark.parametrize("ratio", [0.01, 0.1, 0.5, 0.8, 1.0, 1.25, 1.4])
@pytest.mark.parametrize("prior", [Spread(1.0, 1.0), Spread(1.0, 4.0)])
def test_a_second_seed_never_costs_unless_it_shows_a_larger_spread(ratio: float, prior: Spread) -> None:
    single = width([Estimate(9.7, None, 1)], [Known(UNKNOWN, (prior,))])
    assert width([Estimate(9.7, ratio, 2)], [Known(Spread(ratio**2, 1.0), (prior,))]) < single


def test_further_seeds_of_the_same_spread_narrow_the_interval() -> None:
    prior = Spread(1.0, 4.0)
    widths = [width([Estimate(9.7, 1.0, n)], [Known(Spread(1.0, n - 1.0), (prior,))]) for n in range(1, 8)]
    assert widths == sorted(widths, reverse=True)


def test_a_spread_of_its_own_is_not_hidden_by_quiet_nets() -> None:
    """Plain-56 with a spread of 4.24 in two seeds was once given the pooled 1.1."""
    own, others = Spread(4.24**2, 1.0), (Spread(0.1**2, 4.0), Spread(0.1**2, 4.0))
    found = Known(own, others).spread
    assert math.sqrt(found.variance) == pytest.approx(4.24, rel=0.01)
    assert float(found.freedom) == pytest.approx(1.0, abs=0.01)


def test_without_any_known_spread_there_is_no_interval() -> None:
    assert interval([Estimate(80.0, None, 1), Estimate(50.0, None, 1)], [Known(UNKNOWN), Known(UNKNOWN)]) is None


def test_equal_values_have_the_spread_of_rounding() -> None:
    assert spread_of(Estimate(9.7, 0.0, 3), 0.01).variance == pytest.approx(0.01**2 / 12)
    assert spread_of(Estimate(9.7, 0.5, 3), 0.01).variance == 0.25


def test_spreads_are_pooled_by_degrees_of_freedom() -> None:
    found = pooled([Spread(0.04, 2.0), Spread(0.36, 1.0), UNKNOWN])
    assert (float(found.variance), found.freedom) == pytest.approx(((2 * 0.04 + 0.36) / 3, 3.0))


def test_no_errors_among_50000_images_have_the_exact_binomial_interval() -> None:
    found = none_wrong(50_000)
    assert found.high == pytest.approx(100 * beta.ppf(0.975, 1, 50_000))
    assert found.p_value(found.high) == pytest.approx(0.05)


def test_a_p_value_equals_the_chance_of_the_interval_that_ends_at_the_bound() -> None:
    found = Interval(3.0, Spread(1.5, 4.0), "")
    assert found.at(found.p_value(0.0)).low == pytest.approx(0.0)
    assert found.p_value(found.high) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("p_values", "count", "levels"),
    [
        ([0.001], 1, [0.05]),
        ([0.03, 0.001, 0.2], 3, [0.025, 0.05 / 3, 0.025]),  # 0.03 fails, so that 0.2 is not tested at 0.05
        ([0.02, 0.001, 0.04], 3, [0.025, 0.05 / 3, 0.05]),
        ([0.001, 0.04], 4, [0.0125, 0.05 / 3]),  # two comparisons of the claim could not be made
        ([0.001] * 3, 2, [0.025, 0.05, 0.05]),
    ],
)
def test_holm_allows_the_smaller_p_values_less(p_values: list[float], count: int, levels: list[float]) -> None:
    assert holm(p_values, count) == pytest.approx(levels)


def runs_of(depth: int, errors: list[float], **fields: Any) -> list[Run]:
    return [make_run(depth, seed=seed, test_error=error, **fields) for seed, error in enumerate(errors)]


def test_a_net_has_its_own_spread_and_that_of_others_under_the_same_conditions() -> None:
    runs = [*runs_of(20, [50.0, 54.0]), *runs_of(56, [60.0, 61.0, 62.0]), *runs_of(44, [70.0]),
            *runs_of(32, [1.0, 99.0], steps=500)]  # fmt: skip
    group = next(group for group in comparable_groups(runs) if group.condition.steps == 400)
    entry = group.entries[0]
    assert entry.name == "plain-20"
    found = known(group, "test_error_pct", [entry])
    assert found == Known(Spread(pytest.approx(8.0), 1.0), (Spread(1.0, 2.0),), UNKNOWN)


def test_a_seed_that_was_recorded_in_two_ways_counts_once_in_a_spread() -> None:
    runs = [*runs_of(20, [50.0, 54.0]), *runs_of(20, [50.0, 54.0], record_every=7, name="again"), *runs_of(56, [60.0])]
    [group] = comparable_groups(runs)
    [other] = [entry for entry in group.entries if entry.model.depth == 56]
    assert known(group, "test_error_pct", [other]).others == (Spread(pytest.approx(8.0), 1.0),)


def test_the_published_spread_counts_for_test_errors_under_the_papers_conditions() -> None:
    [group] = comparable_groups([make_run(steps=64_000, batch_size=128, learning_rate=0.1)])
    assert known(group, "test_error_pct", group.entries).published == PUBLISHED
    assert known(group, "train_error_pct", group.entries).published == UNKNOWN
