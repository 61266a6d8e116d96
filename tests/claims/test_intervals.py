"""Confidence intervals against textbook values, and how many more seeds a check needs."""

import pytest
from scipy.stats import ttest_ind

from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.claims.intervals import Noise, interval, pooled, seeds_needed


def test_welchs_interval_equals_scipys() -> None:
    left, right = [27.5, 21.0, 19.0, 23.6, 17.0], [27.1, 22.0, 20.8]
    found = interval([estimate(left), estimate(right)], None)
    assert found is not None
    theirs = ttest_ind(left, right, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_the_interval_of_one_mean_is_students() -> None:
    found = interval([Estimate(6.61, 0.16, 5)], None)
    assert found is not None
    assert found.half_width == pytest.approx(2.776445 * 0.16 / 5**0.5)


def test_two_single_runs_may_differ_by_045_points_by_chance() -> None:
    found = interval([Estimate(9.7, None, 1), Estimate(8.75, None, 1)], Noise(0.16, "as published"))
    assert found is not None
    assert round(found.half_width, 2) == 0.45
    assert found.basis.endswith("± 0.16, as published")
    assert found.borrowed


def test_if_one_spread_is_zero_the_other_determines_the_interval() -> None:
    found = interval([Estimate(9.7, 0.0, 3), Estimate(8.75, 0.1, 3)], Noise(0.16, ""))
    assert found is not None
    assert found.half_width == pytest.approx(4.302653 * 0.1 / 3**0.5)  # t of 2 degrees


def test_without_an_assumed_noise_a_single_run_has_no_interval() -> None:
    assert interval([Estimate(9.7, None, 1), Estimate(8.75, 0.1, 3)], None) is None


def test_a_measure_that_no_seed_changes_is_exact() -> None:
    assert interval([Estimate(853_018, None, 1), Estimate(853_018, 0.0, 3)], Noise(0.0, "")) == (
        0.0,
        0.0,
        "exact",
        False,
    )


def test_spreads_are_pooled_by_degrees_of_freedom_and_few_of_them_widen_the_interval() -> None:
    noise = pooled([Estimate(50.0, 0.2, 3), Estimate(60.0, 0.6, 2), Estimate(70.0, None, 1)])
    assert noise is not None
    assert (noise.std, noise.freedom) == pytest.approx((((2 * 0.04 + 0.36) / 3) ** 0.5, 3))
    assert "2 nets" in noise.source
    found = interval([Estimate(50.0, 0.2, 3), Estimate(70.0, None, 1)], noise)
    assert found is not None
    assert found.half_width == pytest.approx(3.182446 * noise.std * (4 / 3) ** 0.5)  # t of 3 degrees


def test_seeds_that_agree_by_chance_give_no_pooled_spread() -> None:
    assert pooled([Estimate(391.0, 0.0, 2), Estimate(782.0, None, 1)]) is None
    assert pooled([]) is None


def test_seeds_needed_grow_as_the_distance_shrinks_and_exceed_those_at_hand() -> None:
    estimates = [Estimate(9.7, 0.3, 3), Estimate(9.9, 0.3, 3)]
    assert seeds_needed(estimates, None, 0.2) == 18
    assert seeds_needed(estimates, None, 0.1) == 72
    assert seeds_needed(estimates, None, 5.0) == 4
    assert seeds_needed(estimates, None, 0.0) is None
    assert seeds_needed([Estimate(9.7, None, 1), Estimate(9.9, 0.3, 3)], None, 0.2) is None
