"""The README tells the truth: its table is what the committed runs give, and what it names is there."""

import re
from collections.abc import Callable

from conftest import REPOSITORY, Outcome

from resnet_repro.analysis import load_runs

README = (REPOSITORY / "README.md").read_text()
QUICK = REPOSITORY / "results/quick"


def test_the_table_is_what_the_committed_runs_give(cli: Callable[..., Outcome]) -> None:
    table = README.split("<!-- table -->")[1].split("<!-- /table -->")[0]
    assert table.strip() == cli("table", QUICK, "--markdown").out.strip()


def test_the_committed_runs_are_finished_on_the_true_data_from_a_known_commit() -> None:
    runs = load_runs(REPOSITORY / "results")
    assert {run.status for run in runs} <= {"finished", "diverged"}
    for run in runs:
        assert run.environment["data"]["exact"] is True
        assert run.environment["git"]["dirty"] is False
        assert re.fullmatch(r"[0-9a-f]{40}", run.environment["git"]["commit"])


def test_the_quick_suite_is_there_with_three_seeds() -> None:
    runs = load_runs(QUICK)
    assert sorted((run.experiment.name, run.experiment.seed) for run in runs) == [
        (f"quick/{net}", seed) for net in ("plain20", "plain56", "resnet20", "resnet56") for seed in range(3)
    ]


def test_what_the_readme_names_is_there() -> None:
    for path in re.findall(r"\(((?:results|docs|experiments)/[^)]+)\)", README):
        assert (REPOSITORY / path).exists(), path
    for path in re.findall(r"`((?:resnet_repro|experiments)/[\w/.]+)`", README):
        assert (REPOSITORY / path).exists(), path


def test_the_spec_in_the_readme_is_the_committed_one() -> None:
    spec = (REPOSITORY / "experiments/plain56.yaml").read_text()
    assert "".join(f"    {line}\n" for line in spec.splitlines()) in README
