"""Tables for other programs: LaTeX that pdflatex takes whatever the texts hold, and CSV with whole numbers."""

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Cli, make_run
from helpers import assert_mistake_named, store

from resnet_repro.table_formats import csv_text, latex_table, latex_text

HOSTILE = 'a_b & 50 % of #1 {x} $y$ ~^ \\input{/etc/passwd} <|> " ± − × · ≠ † – é 日本 \x1b[31m\n\\end{tabular} “…”'
SPECIAL = re.compile(r"(?<!\\)[&%#_]|(?<!\\)\^(?!2)|[^\x00-\u017f]")


def columns(rows: int) -> list[list[str]]:
    return [["plain-20", "58.63 ± 0.20 (n=3)", "-2.10", HOSTILE], ["", "", "", "[1]"], *[["x", "1", "2", "* y"]] * rows]


@pytest.mark.parametrize("rows", [1, 60], ids=["a float", "a longtable"])
def test_latex_compiles_whatever_names_of_nets_and_devices_hold(rows: int, tmp_path: Path) -> None:
    table = latex_table(f"{HOSTILE}\nCIFAR-10", ["net", "test error %", "difference", "a_b"], columns(rows), [HOSTILE])
    escaped = latex_text(HOSTILE)
    assert not SPECIAL.search(escaped)
    assert r"\input" not in escaped
    assert escaped.count("{") - escaped.count(r"\{") == escaped.count("}") - escaped.count(r"\}")
    assert "\n" not in escaped
    assert r"58.63 $\pm$ 0.20 (n=3) & $-$2.10 &" in table
    assert table.count(r"\toprule") == (2 if rows > 1 else 1)
    assert "{}[1]" in table  # which would be taken for the room below the row before
    if shutil.which("pdflatex"):
        packages = table.partition("\n")[0].removeprefix("% ")
        page = f"\\documentclass{{article}}\n{packages}\n\\begin{{document}}\n{table}\\end{{document}}\n"
        (tmp_path / "page.tex").write_text(page)
        call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        made = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, encoding="latin-1", check=False)
        assert made.returncode == 0, made.stdout[-2000:]


def test_csv_has_a_name_for_each_number_and_no_formula() -> None:
    text = csv_text(
        [
            {"net": "=1+1", "error": {"mean": -1.25, "std": None}, "steps": (3, 4)},
            {"net": "b", "of": [{"x": 1}, {"x": 2}], "relation": "="},
        ]
    )
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"net": "'=1+1", "error_mean": "-1.25", "error_std": "", "steps": "3; 4", "of_1_x": "", "of_2_x": "",
         "relation": ""},
        {"net": "b", "error_mean": "", "error_std": "", "steps": "", "of_1_x": "1", "of_2_x": "2", "relation": "="},
    ]  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> Path:
    runs = [make_run(depth, seed=seed, test_error=20.0 + depth + seed) for depth in (20, 56) for seed in (0, 1)]
    store(tmp_path / "results", runs)
    return tmp_path / "results"


@pytest.mark.parametrize("command", [("table",), ("table", "--published"), ("claims",)])
def test_every_table_is_printed_in_every_format_and_in_one_at_a_time(
    cli: Cli, results: Path, command: tuple[str, ...]
) -> None:
    latex = cli(*command, results, "--latex")
    assert latex.out.startswith(r"% \usepackage{array,booktabs")
    assert latex.out.count(r"\toprule") == latex.out.count(r"\bottomrule") + latex.out.count("longtable}{")
    rows = list(csv.DictReader(io.StringIO(cli(*command, results, "--csv").out)))
    assert len(rows) > 1
    assert all(None not in row.values() and None not in row for row in rows)
    assert json.loads(cli(*command, results, "--json").out)
    assert "| --- |" in cli(*command, results, "--markdown").out
    assert_mistake_named(cli(*command, results, "--latex", "--json"), 2, "--latex and --json: ask for one format")


def test_the_csv_of_a_table_has_the_numbers_of_its_json(cli: Cli, results: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("table", results, "--csv").out)))
    [group] = json.loads(cli("table", results, "--json").out)
    for row, net in zip(rows, group["nets"], strict=True):
        assert (row["net"], row["steps"], row["experiment"]) == (net["net"], "400", net["experiment"])
        assert float(row["test_error_pct_mean"]) == net["test_error_pct"]["mean"]
        assert row["test_error_pct_n"] == "2"
