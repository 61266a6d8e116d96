"""The README tells the truth: its table is what the committed runs give, and what it names is there."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPOSITORY, Outcome

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.analysis.loading import load_runs

RESULTS = REPOSITORY / "results"
MAIN = REPOSITORY / "README.md"
README = MAIN.read_text()
PAGES = [MAIN, *(page for page in RESULTS.glob("*/README.md") if page.parent.name != "bench")]  # which holds no runs
TABLES = {"front" if page == MAIN else page.parent.name: page for page in PAGES if "<!-- table -->" in page.read_text()}


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed runs and pages, without what a user of this copy has made beside or of them."""
    listed = subprocess.run(["git", "ls-files", "-z", "results"], cwd=REPOSITORY, capture_output=True)
    if listed.returncode:  # not a clone, so nobody can tell which are committed
        return RESULTS
    folder = tmp_path_factory.mktemp("committed")
    copy = ["git", "checkout-index", "-z", "--stdin", f"--prefix={folder}/"]
    subprocess.run(copy, cwd=REPOSITORY, input=listed.stdout, check=True)
    return folder / "results"


@pytest.mark.parametrize("suite", TABLES)
def test_each_table_is_what_the_committed_runs_give(suite: str, committed: Path, cli: Callable[..., Outcome]) -> None:
    table = TABLES[suite].read_text().split("<!-- table -->")[1].split("<!-- /table -->")[0]
    shown = committed / ("quick" if suite == "front" else suite)
    assert table.strip() == cli("table", shown, "--markdown").out.strip()


def test_the_verdicts_and_the_page_are_what_the_committed_runs_give(
    committed: Path, cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(committed.parent)  # the page names the folders of runs as they were given
    verdicts = cli("claims", "results", "--markdown").out
    assert verdicts == (committed / "claims.md").read_text()
    assert verdicts.partition(": ")[2].partition(";")[0] in README.replace("\n", " ")  # how many of each
    assert cli("report", "results", "--output", tmp_path / "report.html").code == 0
    made, kept = (
        re.sub(r"<svg.*?</svg>", "", page.read_text(), flags=re.DOTALL)  # which another matplotlib draws otherwise
        for page in (tmp_path / "report.html", committed / "report.html")
    )
    assert made == kept


def test_the_pages_show_figures_that_are_there() -> None:
    for page in PAGES:
        figures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())
        assert figures
        assert all((page.parent / figure).is_file() for figure in figures)


def test_what_is_said_about_the_gradients_of_deep_nets_holds(committed: Path) -> None:
    """results/diagnosis/README.md: the ratio of the first layer's gradient norm to that of the last convolution."""
    ratios = {}
    for run in load_runs(committed / "diagnosis"):
        for step in (1, 400):
            norms = [row.value for row in run.probes if row.step == step and row.probe == "gradient_norm"]
            ratios[run.experiment.name.split("/")[1], step] = norms[0] / norms[-2]
    assert 1e3 < ratios["plain56", 1] < 2e3
    assert 1e6 < ratios["plain110", 1] < 1e7
    assert 15 < 1 / ratios["plain56", 400] < 25
    assert 5e5 < 1 / ratios["plain110", 400] < 1e6
    assert all(1 / 3 < ratios[f"resnet{depth}", step] < 30 for depth in (20, 56, 110) for step in (1, 400))


def test_what_is_said_beside_the_tables_holds(committed: Path) -> None:
    """README.md, and the pages of the suites `classifier`, `quick` and `batchnorm`."""

    def mean(suite: str, net: str, column: str) -> float:
        [group] = comparable_groups(load_runs(committed / suite))
        [found] = [entry.final(column) for entry in group.entries if entry.name == net]
        assert found
        return found.mean

    def behind(suite: str, deep: str, shallow: str, column: str = "test_error_pct") -> int:
        return round(mean(suite, deep, column) - mean(suite, shallow, column))

    assert behind("classifier", "ResNet-56 (He classifier)", "ResNet-20 (He classifier)") == 8
    assert behind("quick", "ResNet-56", "ResNet-20") == 3
    fixup = [f"ResNet-{depth} without BN (Fixup)" for depth in (56, 110)]
    assert [behind("batchnorm", net, net.split(" ")[0], "train_error_pct") for net in fixup] == [15, 6]
    for net in ("plain-20 without BN", "plain-20 without BN (Xavier)", "plain-56 without BN"):
        assert mean("batchnorm", net, "test_error_pct") == pytest.approx(90, abs=0.5)
    scaled = [row.value for run in load_runs(committed / "batchnorm") for row in run.probes
              if run.experiment.name == "batchnorm/plain8-sigmoid-bn" and row.probe == "weight_scale"]  # fmt: skip
    assert len(scaled) == 5 * 104
    assert max(abs(value - 1) for value in scaled) < 0.0004


def test_the_committed_runs_are_finished_on_the_true_data_from_a_known_commit(committed: Path) -> None:
    runs = load_runs(committed)
    assert {run.status for run in runs} <= {"finished", "diverged"}
    for run in runs:
        assert run.environment["data"]["exact"] is True
        assert run.environment["git"]["dirty"] is False
        assert re.fullmatch(r"[0-9a-f]{40}", run.environment["git"]["commit"])


def test_the_quick_suite_is_there_with_three_seeds(committed: Path) -> None:
    runs = load_runs(committed / "quick")
    assert sorted((run.experiment.name, run.experiment.seed) for run in runs) == [
        (f"quick/{net}", seed) for net in ("plain20", "plain56", "resnet20", "resnet56") for seed in range(3)
    ]


def test_what_the_readme_names_is_there() -> None:
    for path in re.findall(r"\(((?:results|docs|experiments)/[^)]+)\)", README):
        assert (REPOSITORY / path).exists(), path
    for path in re.findall(r"`((?:resnet_repro|experiments)/[\w/.]+)`", README):
        assert (REPOSITORY / path).exists(), path


def test_each_promise_is_held_by_a_test_that_is_there() -> None:
    promises = README.split("## What is promised")[1].split("\n## ")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert rows
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert tests, row
        for file, test in tests:
            assert f"def {test}(" in (REPOSITORY / file).read_text(), test


def test_the_spec_in_the_readme_is_the_committed_one() -> None:
    spec = (REPOSITORY / "experiments/plain56.yaml").read_text()
    assert "".join(f"    {line}\n" for line in spec.splitlines()) in README
