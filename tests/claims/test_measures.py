"""What claims compare: one number of a run, or none."""

from dataclasses import replace

import pytest
from conftest import make_run

from resnet_repro.claims.measures import (
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


def test_the_first_row_below_an_error_tells_the_steps_to_it() -> None:
    assert steps_to(80)(with_errors(90, 80, 79, 85)) == 300
    assert steps_to(80)(with_errors(90, 85)) == 200  # the last one, where it never falls below


def test_the_mean_over_the_run_is_that_of_its_rows() -> None:
    assert mean_train_error_pct(with_errors(90, 60, 30)) == 60


def test_drift_is_how_far_percentiles_wander_each_by_itself() -> None:
    run = make_run()
    run.__dict__["probes"] = [
        ProbeRow(step, "input_percentiles", "act", name, value)
        for name, values in {"p15": (-1.0, -3.0), "p85": (5.0, 5.0)}.items()
        for step, value in zip((1, 2), values, strict=True)
    ]
    assert percentile_drift(run) == pytest.approx(0.5)


def test_a_run_without_probes_holds_no_such_measure() -> None:
    run = make_run()
    run.__dict__["probes"] = []
    assert median_layer_response(run) is None
    assert percentile_drift(run) is None


def test_every_measure_of_a_run_without_rows_or_summary_is_none() -> None:
    run = replace(make_run(), rows=(), summary={})
    run.__dict__["probes"] = []
    assert all(measure.of(run) is None for measure in MEASURES.values())
