"""The pages tell the truth: their tables are what the committed runs give, and what they name is there."""

import re
import subprocess
from copy import copy
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from conftest import REPOSITORY, Cli

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.analysis.loading import load_runs
from resnet_repro.claims.net_results import published_number

RESULTS = REPOSITORY / "results"
MAIN = REPOSITORY / "README.md"
README = MAIN.read_text()
PROMISES = [REPOSITORY / "docs/guarantees.md", REPOSITORY / "docs/security.md"]
SUITES = [page for page in RESULTS.glob("*/README.md") if page.parent.name != "bench"]  # which holds no runs
PAGES = [MAIN, RESULTS / "README.md", RESULTS / "bench/README.md", REPOSITORY / "CONTRIBUTING.md",
         REPOSITORY / "CHANGELOG.md", REPOSITORY / "SECURITY.md", REPOSITORY / "experiments/README.md",
         REPOSITORY / "lessons/README.md", *(REPOSITORY / "docs").glob("*.md"), *SUITES]  # fmt: skip
TABLES = {page.parent.name: page for page in SUITES if "<!-- table -->" in page.read_text()}


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
def test_each_table_is_what_the_committed_runs_give(suite: str, committed: Path, cli: Cli) -> None:
    table = TABLES[suite].read_text().split("<!-- table -->")[1].split("<!-- /table -->")[0]
    assert table.strip() == cli("table", committed / suite, "--markdown").out.strip()


def test_the_table_of_the_readme_is_what_the_committed_runs_give(committed: Path) -> None:
    [(suite, table)] = re.findall(r"<!-- table: (\w+) -->\n(.*?)<!-- /table -->", README, flags=re.DOTALL)
    [group] = comparable_groups(load_runs(committed / suite))
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    assert [row[0] for row in rows[2:]] == ["plain-20", "plain-56", "ResNet-20", "ResNet-56"]
    for name, train_error, test_error, papers in rows[2:]:
        [entry] = [entry for entry in group.entries if entry.name == name]
        for shown, column in ((train_error, "train_error_pct"), (test_error, "test_error_pct")):
            final = entry.final(column)
            assert final
            assert shown == str(final).removesuffix(f" (n={final.n})")
        published = published_number(entry, "test_error_pct")
        assert published
        assert float(papers) == published.value
    seeds = {len(entry.finished) for entry in group.entries if entry.name in [row[0] for row in rows]}
    condition = group.condition
    first, last = min(seeds), max(seeds)
    counted = f"{first} seed{'s' * (first > 1)}" if first == last else f"{first} to {last} seeds"
    assert rows[0][0] == f"{condition.data}, {condition.steps:,} steps of {condition.batch_size}, {counted}"


def test_the_verdicts_and_the_page_are_what_the_committed_runs_give(
    committed: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(committed.parent)  # the page names the folders of runs as they were given
    verdicts = cli("claims", "results", "--markdown").out
    assert verdicts == (committed / "claims.md").read_text()
    assert verdicts.partition(": ")[2].partition(";")[0] in README.replace("\n", " ")  # how many of each
    blank = Element("svg", viewBox="0 0 1 1")  # as another matplotlib draws otherwise, and drawing takes its time
    monkeypatch.setattr("resnet_repro.report.inline_svg._drawn", lambda figure, prefix: (copy(blank), []))
    monkeypatch.setattr("resnet_repro.figures.labels.arrange", lambda figure: None)
    assert cli("report", "results", "--output", tmp_path / "report.html").code == 0
    made, kept = (
        re.sub(r"<svg.*?</svg>", "", page.read_text(), flags=re.DOTALL)
        for page in (tmp_path / "report.html", committed / "report.html")
    )
    assert made == kept


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)(#[^)]*)?\)", page.read_text())
    for path, anchor in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [MAIN, *SUITES], ids=lambda page: page.parent.name)
def test_the_pages_of_results_show_a_figure(page: Path) -> None:
    assert re.search(r"!\[[^]]+\]\([^)]+\)", page.read_text())


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 6_000


def test_what_is_said_about_the_gradients_of_deep_nets_holds(committed: Path) -> None:
    """results/diagnosis/README.md: the gradient norm of the first layer against that of the last convolution, and the
    largest against the smallest of all convolutions."""
    ratios, ranges = {}, {}
    for run in load_runs(committed / "diagnosis"):
        net = run.experiment.name.split("/")[1], run.experiment.seed
        for step in {row.step for row in run.probes}:
            norms = [row.value for row in run.probes if row.step == step and row.probe == "gradient_norm"][:-1]
            ratios[*net, step], ranges[*net, step] = norms[0] / norms[-1], max(norms) / min(norms)
    assert [float(f"{ratios['plain56', seed, 1]:.1g}") for seed in (0, 1)] == [2_000, 800]
    assert [float(f"{ratios['plain110', seed, 1]:.1g}") for seed in (0, 1)] == [5e6, 1e6]
    assert [float(f"{1 / ratios['plain56', seed, 400]:.1g}") for seed in (0, 1)] == [40, 20]
    assert [float(f"{1 / ratios['plain110', seed, 400]:.1g}") for seed in (0, 1)] == [9e6, 9e3]
    assert max(ranges[net] for net in ranges if net[0].startswith("resnet") and net[2] == 1) < 35
    assert max(ranges[net] for net in ranges if net[0].startswith("resnet") and net[2] > 1) < 14


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
    [tenth] = comparable_groups(load_runs(committed / "tenth"))
    [deep] = [entry for entry in tenth.entries if entry.name == "ResNet-56"]
    errors = sorted(run.result("test_error_pct") or 0 for run in deep.runs)
    ahead = [error - mean("tenth", "ResNet-20", "test_error_pct") for error in errors]
    assert [round(points) for points in ahead] == [0, 0, 7]  # two runs "as well", the third "7 points behind"
    [plain] = [entry for entry in tenth.entries if entry.name == "plain-56"]
    assert int(min(run.result("test_error_pct") or 0 for run in plain.runs) - errors[-1]) == 25
    assert 8.5 < behind("tenth", "plain-56", "plain-20") / 3.6 < 9.5
    fixup = [f"ResNet-{depth} without BN (Fixup)" for depth in (56, 110)]
    assert [behind("batchnorm", net, net.split(" ")[0], "train_error_pct") for net in fixup] == [14, 3]
    for net in ("plain-20 without BN", "plain-20 without BN (Xavier)", "plain-56 without BN"):
        assert mean("batchnorm", net, "test_error_pct") == pytest.approx(90, abs=0.5)
    scaled = [row.value for run in load_runs(committed / "batchnorm") for row in run.probes
              if run.experiment.name == "batchnorm/plain8-sigmoid-bn" and row.probe == "weight_scale"]  # fmt: skip
    assert len(scaled) == 10 * 104
    assert max(abs(value - 1) for value in scaled) < 0.0004


def test_the_committed_runs_are_finished_on_the_true_data_from_a_known_commit(committed: Path) -> None:
    runs = load_runs(committed)
    assert {run.status for run in runs} <= {"finished", "diverged"}
    for run in runs:
        assert run.is_cifar10
        assert run.environment["git"]["dirty"] is False
        assert re.fullmatch(r"[0-9a-f]{40}", run.environment["git"]["commit"])


def test_the_quick_suite_is_there_with_three_seeds(committed: Path) -> None:
    runs = load_runs(committed / "quick")
    assert sorted((run.experiment.name, run.experiment.seed) for run in runs) == [
        (f"quick/{net}", seed) for net in ("plain20", "plain56", "resnet20", "resnet56") for seed in range(3)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`((?:resnet_repro|experiments|tests|docs)/[\w/.-]+)(?:::\w+)?`", page.read_text())
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_the_tour_names_every_folder_and_the_files_that_are_there() -> None:
    tour = (REPOSITORY / "docs/how-it-works.md").read_text()
    headings = re.findall(r"^## (`.+)$", tour, flags=re.MULTILINE)
    folders = re.findall(r"`(\w+)/`", " ".join(headings))
    package = REPOSITORY / "resnet_repro"
    assert sorted(folders) == sorted(path.parent.name for path in package.glob("*/__init__.py"))
    for section in tour.split("\n## ")[1:]:
        inside = [package / folder for folder in re.findall(r"`(\w+)/`", section.splitlines()[0])]
        for file in re.findall(r"`(\w+\.py)`", section):
            assert any((folder / file).is_file() for folder in inside), file


@pytest.mark.parametrize("page", PROMISES, ids=lambda page: page.stem)
def test_each_guarantee_is_checked_by_a_test_that_is_there(page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert rows
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert tests, row
        for file, test in tests:
            assert f"def {test}(" in (REPOSITORY / file).read_text(), test


def test_the_specs_in_the_readme_are_the_committed_ones() -> None:
    plain, residual = (
        [line for line in (REPOSITORY / f"experiments/{name}56.yaml").read_text().splitlines() if line[0] != "#"]
        for name in ("plain", "resnet")
    )
    block = README.split("whole but for its comments:\n\n")[1].split("\n\n")[0].splitlines()
    assert [line.removeprefix("    ") for line in block] == plain
    changed = README.split("```diff\n")[1].split("```")[0].splitlines()
    assert changed == [*(f"-{line}" for line in plain if line not in residual),
                       *(f"+{line}" for line in residual if line not in plain)]  # fmt: skip


def test_the_readme_shows_the_commands_that_exist() -> None:
    commands = (REPOSITORY / "docs/commands.md").read_text()
    pages = "".join(page.read_text() for page in (MAIN, REPOSITORY / "docs/running.md"))
    named = re.findall(r"^ {4}resnet-repro (data \w+|\w+)(.*)$", pages, flags=re.MULTILINE)
    assert named
    for command, rest in named:
        section = commands.split(f"`resnet-repro {command}`")[1].split("\n#")[0]
        for option in re.findall(r"--[\w-]+", rest.split("  #")[0]):
            assert f"`{option}" in section, (command, option)
