"""`compare BASE OTHER...` on the committed runs: what it prints in each format, and the figure that it draws."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Cli
from helpers import assert_mistake_named
from matplotlib.figure import Figure

QUICK = ("--results", "results/quick")  # as reading all of them takes a second
PAIR = ("tenth/resnet56", "results/classifier/resnet56", "--results", "results/tenth")
FIELDS = {"model.classifier_initialization": {"tenth/resnet56": "uniform", "classifier/resnet56": "he"}}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)


def test_two_nets_are_compared_field_by_field_and_error_by_error(cli: Cli) -> None:
    outcome = cli("compare", "quick/plain20", "quick/resnet20", *QUICK)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["model.shortcut", "none", "identity"] in lines
    assert "resnet20 against quick/plain20: final errors\nCIFAR-10 · 400 steps of 64 (short" in outcome.out
    [test_error] = [line for line in lines if line[-1:] == ["lower"] and "51.70" in line]
    assert test_error == ["quick/resnet20", "51.70", "±", "0.60", "(n=3)", "-8.60", "±", "5.80", "lower"]
    assert "± is half the width of its 95 % confidence interval" in outcome.out


def test_the_json_has_the_numbers_and_nothing_else_is_on_stdout(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("compare", *PAIR, "--json", "--figure", tmp_path / "both.svg")
    found = json.loads(outcome.out)
    assert {one["field"]: one["values"] for one in found["fields"] if not one["is_recorded"]} == FIELDS
    assert [one["field"] for one in found["fields"] if one["is_recorded"]] == ["device", "commit"]
    test_error = found["differences"][0]
    assert test_error["measure"] == "test_error_pct"
    assert test_error["verdict"] == "cannot be told apart"
    assert test_error["difference"] == pytest.approx((test_error["low"] + test_error["high"]) / 2)
    assert test_error["confidence"] == 0.95
    assert set(test_error["more_seeds"]) == {"tenth/resnet56", "classifier/resnet56"}
    assert [net["test_error_pct"]["n"] for net in found["nets"]] == [3, 2]
    assert outcome.err == f"note: the figure is in {tmp_path}/both.svg, its caption in {tmp_path}/both.txt\n"
    caption = (tmp_path / "both.txt").read_text()
    assert "classifier/resnet56 against tenth/resnet56" in caption
    assert "Test error of classifier/resnet56: +5.46 ± " in caption


def test_a_folder_of_nets_is_compared_net_by_net_and_csv_has_a_row_for_each_error(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("compare", "quick/plain20", "results/quick", *QUICK, "--csv").out)))
    assert [(row["net"], row["measure"]) for row in rows[:3]] == [
        ("quick/plain56", "test_error_pct"), ("quick/resnet20", "test_error_pct"), ("quick/resnet56", "test_error_pct"),
    ]  # fmt: skip
    assert len(rows) == 9
    assert float(rows[0]["difference"]) == pytest.approx(
        float(rows[0]["net_error_pct_mean"]) - float(rows[0]["base_error_pct_mean"])
    )
    assert rows[0]["more_seeds_of_base"].isdecimal()


def test_latex_and_markdown_have_both_tables(cli: Cli) -> None:
    latex = cli("compare", *PAIR, "--latex").out
    assert latex.count(r"\begin{table}") == 2
    assert r"model.classifier\_initialization & uniform & he \\" in latex
    assert r"21.67 $\pm$ 1.33 (n=2) & +5.46 $\pm$" in latex
    markdown = cli("compare", *PAIR, "--markdown").out
    assert markdown.count("\n| --- | --- | --- |") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("quick/plain20", "quick/resnet2"), 1, "did you mean quick/resnet20"),
        (("quick/plain20",), 2, "Missing argument"),
        (("quick/plain20", "quick/resnet20", "--csv", "--latex"), 2, "--latex and --csv: ask for one format at a time"),
        (("quick/plain20", "quick/resnet20", "--figure", "x.jpg"), 1, "x.jpg: should end in .png, .svg or .pdf"),
        (("quick/plain20", "quick/resnet20", "--figure", "x"), 1, "x: should end in .png"),
        (("quick/plain20", "quick/resnet20", "--results", "nowhere"), 1, "nowhere: there is no such folder"),
        (("quick/plain20", "quick/plain56", "tests"), 1, "tests: there is no run in this folder"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, arguments: tuple[str, ...], code: int, fragment: str) -> None:
    results = () if "--results" in arguments else QUICK
    assert_mistake_named(cli("compare", *arguments, *results), code, fragment)


def test_the_example_of_the_docs_compares_and_draws_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    page = (REPOSITORY / "docs/running.md").read_text()
    [example] = [block for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if "compare(" in block]
    names: dict[str, Any] = {}
    exec(example.replace('results="results"', 'results="results/quick"'), names)  # noqa: S102
    assert "test error of quick/resnet20: -8.60 ± 5.80 points, lower" in capsys.readouterr().out
    one = names["one"]
    assert (one.verdict, round(one.interval.low, 1), round(one.interval.high, 1)) == ("lower", -14.4, -2.8)
    assert '# "lower", -14.4, -2.8, {}' in example
    assert [net.name for net in names["found"].others] == ["quick/plain56", "quick/resnet20", "quick/resnet56"]
    assert isinstance(names["curves"], Figure)
    assert isinstance(names["drawn"]["degradation"], Figure)
