"""The measures: one number of a run, or None."""

from dataclasses import replace

import pytest
from conftest import make_run

from resnet_repro.analysis.measures import (
    MEASURES,
    mean_train_error_pct,
    median_layer_response,
    percentile_drift,
    steps_to,
)
from resnet_repro.record.rows import ProbeRow
from resnet_repro.record.run import Run


def with_errors(*errors: float) -> Run:
    run = make_run()
    rows = [replace(run.rows[0], step=100 * (number + 1), train_error_pct=error) for number, error in enumerate(errors)]
    return replace(run, rows=tuple(rows))


def test_steps_to_an_error_end_at_the_first_row_below_it() -> None:
    assert steps_to(80)(with_errors(90, 80, 79, 85)) == 300
    assert steps_to(80)(with_errors(90, 85)) == 200  # the last step, as no row is below


def test_steps_until_an_error_stays_below_end_at_the_first_row_without_a_later_one_above() -> None:
    assert steps_to(80, stays=True)(with_errors(79, 80, 79, 75)) == 300
    assert steps_to(80, stays=True)(with_errors(79, 81, 79, 81)) == 400


def test_the_mean_over_a_run_is_weighted_by_steps() -> None:
    """One curve once gave 50.0 or 76.6, as its rows were more frequent in one half or the other."""
    assert mean_train_error_pct(with_errors(90, 60, 30)) == 60
    run = with_errors(90, 60, 30)
    early, _, late = run.rows
    uneven = replace(run, rows=(early, replace(late, step=400, train_error_pct=30)))
    assert mean_train_error_pct(uneven) == (90 + 3 * 30) / 4


def test_drift_is_the_mean_over_percentiles_of_their_standard_deviations() -> None:
    run = make_run()
    run.__dict__["probes"] = [
        ProbeRow(step, "input_percentiles", "act", name, value)
        for name, values in {"p15": (-1.0, -3.0), "p85": (5.0, 5.0)}.items()
        for step, value in zip((1, 2), values, strict=True)
    ]
    assert percentile_drift(run) == pytest.approx(0.5)


def test_a_run_without_probes_has_no_measures_of_them() -> None:
    run = make_run()
    run.__dict__["probes"] = []
    assert median_layer_response(run) is None
    assert percentile_drift(run) is None


def test_every_measure_of_a_run_without_rows_or_summary_is_none() -> None:
    run = replace(make_run(), rows=(), summary={})
    run.__dict__["probes"] = []
    assert all(measure.of(run) is None for measure in MEASURES.values())
