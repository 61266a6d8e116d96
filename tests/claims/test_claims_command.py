"""`claims RESULTS` and `table RESULTS --published`, on run folders."""

import json
from pathlib import Path

import pytest
from conftest import Cli, make_run
from helpers import store
from papers_runs import PAPERS, runs_of

from resnet_repro.papers import CLAIMS


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("claims") / "results"
    short = [
        make_run(depth, test_error=test_error + 0.1 * seed, train_error=train_error + 0.1 * seed, seed=seed)
        for depth, test_error, train_error in ((20, 50.0, 48.0), (56, 45.0, 80.0))
        for seed in (0, 1)
    ]
    shorter = [make_run(depth, test_error=error, steps=399, name=f"shorter/{depth}")
               for depth, error in ((20, 60.0), (56, 70.0))]  # fmt: skip
    store(folder, [*short, *shorter, *runs_of(56, "none", [13.4, 13.5, 13.6], name="full/plain56")])
    return folder


def test_the_table_has_verdicts_values_published_values_and_conditions(results: Path, cli: Cli) -> None:
    outcome = cli("claims", results)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("The papers' claims: 1 reproduced, 1 contradicted,")
    assert lines[0].endswith("; none of the 2 decided at the papers' full length")
    compared = next(line for line in lines if "training error: plain-56 > plain-20" in line)
    for part in ("80.05 ± 0.07 (n=2) − 48.05 ± 0.07 (n=2)", "+32.00 ± 0.30 ", "5.8 − 1.3"):
        assert part in compared
    assert not any(line.startswith("†") for line in lines)
    for meaning in (
        "difference, ± is half the width of its 95 % confidence interval;",
        "mean over n runs, ± is one standard",
    ):
        assert any(line.startswith(f"Beside a {meaning}") for line in lines)
    assert lines[-3] == (
        "[R] Deep Residual Learning for Image Recognition, He, Zhang, Ren, Sun, 2015, https://arxiv.org/abs/1512.03385"
    )
    assert any(line.startswith("C1 ") and "reproduced (short schedule)" in line for line in lines)
    assert any(line.startswith("a: CIFAR-10 · 400 steps of 64 (short") for line in lines)


def test_on_a_terminal_claims_of_which_nothing_was_run_are_one_line(results: Path, cli: Cli, tmp_path: Path) -> None:
    out = cli("claims", results).out
    [line] = [line for line in out.splitlines() if "I10" in line]
    assert " claims of which nothing was run: " in line
    assert line.endswith("; --markdown and --json say what each needs")
    assert "| I10 | not run |" in cli("claims", results, "--markdown").out
    store(tmp_path, [make_run(8, name="mine")])
    title, rest = cli("claims", tmp_path).out.splitlines()
    assert title == f"The papers' claims: 0 reproduced, 0 contradicted, 0 inconclusive, {len(CLAIMS)} not run"
    assert rest.startswith(f"{len(CLAIMS)} claims of which nothing was run: C1, ")


def test_markdown_has_the_same_rows_and_links_to_the_papers(results: Path, cli: Cli) -> None:
    out = cli("claims", results, "--markdown").out
    assert "- [R] [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385), He" in out
    assert "| C2 | contradicted (short schedule) |" in out
    assert "|  | contradicted | · test error: plain-56 > plain-20 | 45.05 ± 0.07 (n=2) − 50.05 ± 0.07 (n=2) |" in out


def test_evidence_under_other_conditions_is_shown_after_that_of_the_longest_schedule(results: Path, cli: Cli) -> None:
    out = cli("claims", results, "--markdown").out
    [rest] = [part for part in out.split("\n| C") if part.startswith("2 ")]
    first, other = rest.index("45.05 ± 0.07"), rest.index("70.00 (n=1) − 60.00 (n=1)")
    between = (
        "inconclusive (short schedule) | Under other conditions: A second seed is needed of plain-56 and plain-20 |"
    )
    assert first < rest.index(between) < other


def test_remarks_stand_beside_the_verdicts(results: Path, cli: Cli) -> None:
    rows = {line.split(" | ")[0]: line for line in cli("claims", results, "--markdown").out.splitlines()}
    assert "not with the paper's net on digits" in rows["| B1"]
    assert "about 400 as less than 800" in rows["| C9"].lower()
    assert rows["| B3"].count("test_batch_norm.py") == 1


def test_json_holds_every_ruling_with_plain_numbers(results: Path, cli: Cli) -> None:
    claims = {claim["id"]: claim for claim in json.loads(cli("claims", results, "--json").out)}
    assert len(claims) == len(CLAIMS)
    [ruling] = [ruling for ruling in claims["C1"]["rulings"] if ruling["conditions"][0]["steps"] == 400]
    [evidence] = ruling["evidence"]
    assert evidence["difference"] == pytest.approx(32.0)
    assert evidence["nets"][0]["ours"] == {"mean": pytest.approx(80.05), "std": pytest.approx(0.0707107), "n": 2}
    assert evidence["confidence"] == pytest.approx(0.95)
    assert evidence["nets"][0]["published"]["value"] == 5.8
    assert evidence["nets"][0]["runs"] == [f"{results.as_posix()}/none56/seed-{seed}" for seed in (0, 1)]
    assert evidence["high"] is None  # infinite


def test_require_fails_for_a_claim_that_is_not_reproduced_and_says_why(results: Path, cli: Cli) -> None:
    assert cli("claims", results, "--require", "C1").code == 0
    failed = cli("claims", results, "--require", "C1,C2, C3")
    assert failed.code == 1
    assert (
        failed.err == "error: C2 is contradicted (short schedule); C3 is not run, needs plain-44, plain-32, plain-20\n"
    )
    assert "The papers' claims" in failed.out
    assert cli("claims", results, "--require", "C1", "--full-length").code == 1


def test_an_unknown_claim_is_wrong_usage(results: Path, cli: Cli) -> None:
    outcome = cli("claims", results, "--require", "C1,D7")
    assert outcome.code == 2
    assert "D7: no such claim" in outcome.err
    for empty in ("", "C1,,C6"):  # such as from an unset variable in CI
        outcome = cli("claims", results, "--require", empty)
        assert outcome.code == 2
        assert "nothing: no such claim" in outcome.err


def test_the_papers_tables_stand_beside_ours(results: Path, cli: Cli) -> None:
    out = cli("table", results, "--published").out
    full = out.split("[R] Fig. 6, plain nets, test error %")[-1].split("[I] Table 1")[0]
    [line] = [line for line in full.splitlines() if line.startswith("plain56 ")]
    assert line.split() == ["plain56", "13.3", "13.50", "±", "0.10", "(n=3)", "+0.20", "1", "min", "CPU"]
    assert "plain110  > 60       not run" in full
    assert "64000 steps of 128\n" in full
    assert "none of its nets has been run" in out.split("[I] Table 2")[1]


def test_ours_is_not_compared_with_the_best_of_several_runs(tmp_path: Path, cli: Cli) -> None:
    store(tmp_path, runs_of(110, "identity", [6.6, 6.8]))
    table = cli("table", tmp_path, "--published", "--markdown").out
    assert "| resnet110 (mean of five) | 6.61 ± 0.16 | 6.70 ± 0.14 (n=2) | +0.09 |" in table
    assert "| resnet110 (best of five) | 6.43 | 6.70 ± 0.14 (n=2) |  |" in table
    assert "| Highway-32 | 8.80 |" in table


def test_the_papers_tables_as_json_and_markdown(results: Path, cli: Cli) -> None:
    tables = json.loads(cli("table", results, "--published", "--json").out)
    full = next(table for table in tables if table["conditions"] and table["conditions"]["steps"] == PAPERS["steps"])
    line = next(line for line in full["lines"] if line["published"]["net"] == "plain56")
    assert line["ours"]["n"] == 3
    assert line["difference"] == pytest.approx(0.2)
    assert line["minutes"] == 1.0
    assert "| plain56 | 13.3 | 13.50 ± 0.10 (n=3) | +0.20 |" in cli("table", results, "--published", "--markdown").out
