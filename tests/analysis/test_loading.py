"""Runs that repeat others: which one counts, and what is said about the other."""

from dataclasses import replace
from pathlib import Path

from conftest import Cli, make_run
from stored import store

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.analysis.loading import load_runs


def test_an_unfinished_repeat_never_hides_a_finished_run(tmp_path: Path) -> None:
    unfinished = store(tmp_path, replace(make_run(status="interrupted"), summary={}), "a")
    finished = store(tmp_path, make_run(), "b")
    notices: list[str] = []
    [kept] = load_runs(tmp_path, notice=notices.append)
    assert (kept.path, kept.left_out) == (finished, 1)
    assert notices == [f"{unfinished} repeats {finished} (same spec, seed and data) and is left out: it is unfinished, "
                       "the other finished"]  # fmt: skip


def test_repeats_that_contradict_each_other_are_reported_and_counted(tmp_path: Path, cli: Cli) -> None:
    store(tmp_path, make_run(test_error=14.0), "a")
    store(tmp_path, make_run(test_error=9.0), "b")
    notices: list[str] = []
    [kept] = load_runs(tmp_path, notice=notices.append)
    assert kept.result("test_error_pct") == 14.0
    assert notices[0].endswith("is left out, although they disagree: its test error is 9.00 %, the other's 14.00 %")
    assert comparable_groups([kept])[0].entries[0].final_text("test_error_pct") == "14.00 (n=1, 1 repeat left out)"
    assert "14.00 (n=1, 1 repeat left out)" in cli("table", tmp_path).out
    assert "of 2 runs 1 repeat left out" in comparable_groups([kept])[0].title()


def test_runs_of_other_precision_or_data_are_no_repeats(tmp_path: Path) -> None:
    store(tmp_path, make_run(), "a")
    store(tmp_path, make_run(), "b", precision="bf16")
    store(tmp_path, make_run(data="CIFAR-9"), "c")
    assert len(load_runs(tmp_path, notice=lambda text: None)) == 3


def test_the_table_counts_runs_that_diverged(tmp_path: Path, cli: Cli) -> None:
    for seed in (0, 1):
        store(tmp_path, make_run(seed=seed, test_error=60.0 + seed), "net")
    store(tmp_path, make_run(seed=2, status="diverged"), "net")
    out = cli("table", tmp_path, "--markdown").out
    assert "| 60.50 ± 0.71 (n=2, 1 diverged) |" in out
    assert "3 seeds per net · of 3 runs 1 diverged" in out
    assert "Beside a mean over n runs, ± is one standard deviation of the runs." in out


def test_published_errors_stand_only_beside_the_papers_data(tmp_path: Path, cli: Cli) -> None:
    store(tmp_path, make_run(), "true")
    store(tmp_path, make_run(data="synthetic shapes", test_error=9.0), "made-up")
    true, made_up = sorted(cli("table", tmp_path, "--markdown").out.split("\n\n| net |")[1:], key=len, reverse=True)
    assert "the paper's test error % (64,000 steps, its recipe)" in true
    assert "the paper's" not in made_up
