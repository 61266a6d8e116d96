"""The training error of a run: over its last whole epoch, whatever was recorded when."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Cli, make_run

from resnet_repro.analysis.loading import load_runs
from resnet_repro.files import parse_json, to_json
from resnet_repro.record.last_epoch import last_epoch, line_up, mean_between
from resnet_repro.record.run import Run, read_run


@pytest.mark.parametrize(
    ("steps", "epoch", "window"),
    [(64_000, 391, (63_342, 63_733)), (24, 10, (10, 20)), (20, 10, (10, 20)), (10, 10, (0, 10)), (400, 782, (300, 400)),
     (2, 10, (1, 2))],
)  # fmt: skip
def test_the_last_whole_epoch_or_the_last_quarter_of_a_shorter_run(
    steps: int, epoch: int, window: tuple[int, int]
) -> None:
    assert last_epoch(steps, epoch) == window


def test_a_list_of_runs_is_short_in_a_notebook() -> None:
    begun = replace(make_run(), rows=(), summary={})
    assert repr([make_run(), begun]) == (
        "[<Run none20/seed-0: finished, training error 50.0 %>, <Run none20/seed-0: unfinished>]"
    )


def run_with(*errors: tuple[int, float]) -> Run:
    made = replace(make_run(steps=1600), summary={})
    return replace(made, rows=tuple(replace(made.rows[-1], step=step, train_error_pct=e) for step, e in errors))


def test_rows_count_by_the_steps_that_they_cover() -> None:
    run = run_with((782, 60.0), (1000, 30.0), (1564, 10.0), (1600, 0.0))
    assert run.result("train_error_pct") == pytest.approx((218 * 30 + 564 * 10) / 782)
    assert run.is_result_exact
    assert mean_between(run.rows, "train_error_pct", 0, 1000) == pytest.approx((782 * 60 + 218 * 30) / 1000)
    assert mean_between((), "train_error_pct", 0, 10) is None
    assert not line_up(run.rows, 700, 1564)


def test_the_test_error_is_that_of_the_last_row() -> None:
    run = run_with((782, 60.0), (1600, 0.0))
    assert run.result("test_error_pct") == 60.0
    assert replace(run, rows=()).result("test_error_pct") is None


def test_equal_runs_have_equal_training_errors_however_often_they_record(tiny: Path, tmp_path: Path, cli: Cli) -> None:
    """An epoch has 10 steps, and the run 24. Once the final errors were 90.62, 85.94 and 84.64."""
    found = {}
    for name, every in (("each", "1"), ("seventh", "7"), ("epoch", "epoch")):
        settings = [f"training.record_every={every}", "training.evaluate_every=24"]
        arguments = [part for setting in settings for part in ("--set", setting)]
        assert cli("train", tiny, *arguments, "--results", tmp_path / name, "--device", "cpu").code == 0
        found[name] = read_run(tmp_path / name / "tiny/seed-0")
    errors = {name: run.result("train_error_pct") for name, run in found.items()}
    assert errors["each"] == pytest.approx(
        sum(row.train_error_pct or 0 for row in found["each"].rows if 10 < row.step <= 20) / 10, abs=1e-9
    )
    assert len(set(errors.values())) == 1
    assert len({run.result("train_loss") for run in found.values()}) == 1
    assert len({run.final.train_error_pct for run in found.values() if run.final}) > 1

    for name in found:  # as an older version left it
        summary = tmp_path / name / "tiny/seed-0/summary.json"
        content = parse_json(summary.read_text())
        del content["last_epoch"]
        summary.write_text(to_json(content))
    older = read_run(tmp_path / "epoch/tiny/seed-0")
    assert older.result("train_error_pct") == pytest.approx(errors["epoch"], abs=1e-9)
    notices: list[str] = []
    load_runs(tmp_path / "seventh", notice=notices.append)
    load_runs(tmp_path / "epoch", notice=notices.append)
    assert notices == [f"{tmp_path}/seventh/tiny/seed-0: its rows do not line up with its last epoch, so its training "
                       "error is approximate"]  # fmt: skip
