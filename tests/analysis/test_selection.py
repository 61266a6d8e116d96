"""Several results folders, --nets, --seeds and --title: which runs are read, listed, tabled and drawn."""

import json
from html import unescape
from pathlib import Path

import pytest
from conftest import Cli, make_run
from helpers import assert_mistake_named
from stored import store

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.analysis.loading import load_runs


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two results folders: `ours` with two nets in a suite, and `theirs` with another spec of the name of one."""
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1, 2):
        store(Path("ours"), make_run(20, seed=seed), "mine/plain20")
    store(Path("ours"), make_run(56), "mine/plain56")
    store(Path("theirs"), make_run(20, learning_rate=0.5, seed=7), "mine/plain20")
    return tmp_path


def listed(cli: Cli, *arguments: str) -> list[tuple[str, int]]:
    """The folder and the seed of each run that `list` shows."""
    outcome = cli("list", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return [(run["path"].removesuffix(f"/seed-{run['seed']}"), run["seed"]) for run in json.loads(outcome.out)]


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (("ours", "--nets", "mine/plain56"), [("ours/mine/plain56", 0)]),
        (("ours", "--nets", "mine/*", "--seeds", "0"), [("ours/mine/plain20", 0), ("ours/mine/plain56", 0)]),
        (("ours", "--nets", "mine/plain56,*20", "--seeds", "1-2"), [("ours/mine/plain20", s) for s in (1, 2)]),
        (("ours", "theirs", "--seeds", "0,7"),
         [("ours/mine/plain20", 0), ("ours/mine/plain56", 0), ("theirs/mine/plain20", 7)]),
    ],
)  # fmt: skip
def test_nets_and_seeds_choose_what_is_shown(
    cli: Cli, folders: Path, arguments: tuple[str, ...], runs: list[tuple[str, int]]
) -> None:
    assert listed(cli, *arguments) == runs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--nets", "mine/plian56"), "--nets mine/plian56: no run here is of such a net; did you mean mine/plain56"),
        (("--nets", "mine"), "did you mean mine/*?"),
        (("--nets", "zzz,mine/plain20"), "--nets zzz: no run here is of such a net; there are mine/plain20, mine/pl"),
        (("--nets", ""), "--nets : no run here is of such a net; there are"),
        (("--seeds", "8-9"), "--seeds: no run of these nets has seed 8, 9; there are 0, 1, 2"),
        (("--seeds", "1", "--nets", "*56"), "--seeds: no run of these nets has seed 1; there are 0"),
    ],
)
def test_a_choice_that_no_run_fits_is_one_line(cli: Cli, folders: Path, arguments: tuple[str, ...], said: str) -> None:
    assert_mistake_named(cli("table", "ours", *arguments), 1, said)


@pytest.mark.parametrize("command", ["plot", "report", "list", "claims"])
def test_every_command_that_reads_results_takes_a_choice_from_several_folders(
    cli: Cli, folders: Path, command: str
) -> None:
    assert_mistake_named(cli(command, "ours", "theirs", "--nets", "*20", "--seeds", "9"), 1, "there are 0, 1, 2, 7")


def test_a_seed_that_is_not_there_is_noted(cli: Cli, folders: Path) -> None:
    outcome = cli("table", "ours", "--seeds", "0-3")
    assert (outcome.code, outcome.err) == (0, "note: --seeds: no run of these nets has seed 3\n")


def test_nets_of_one_name_in_two_folders_are_told_apart_and_never_pooled(cli: Cli, folders: Path) -> None:
    [group] = comparable_groups(load_runs("ours", "theirs"))
    found = {entry.name: len(entry.runs) for entry in group.entries}
    assert found == {"plain-20 [ours]": 3, "plain-20 [theirs]": 1, "plain-56": 1}


def test_seeds_in_two_folders_are_pooled_and_a_run_in_both_counts_once(cli: Cli, folders: Path) -> None:
    store(Path("theirs"), make_run(56), "copied")
    store(Path("theirs"), make_run(56, seed=1), "copied")
    notices: list[str] = []
    [group] = comparable_groups(load_runs("ours", "theirs", notice=notices.append))
    assert {entry.name: len(entry.runs) for entry in group.entries}["plain-56"] == 2
    assert notices == [
        "theirs/copied/seed-0 repeats ours/mine/plain56/seed-0 (same spec, seed and data) and is left out"
    ]
    assert listed(cli, "ours", "theirs", "--nets", "copied") == [("theirs/copied", 0), ("theirs/copied", 1)]


def test_a_folder_inside_another_is_read_once(cli: Cli, folders: Path) -> None:
    outcome = cli("list", "ours", "ours/mine", folders / "ours")
    assert outcome.out.startswith("4 runs")
    assert outcome.err == ""


def test_a_title_is_above_tables_and_figures_whatever_its_letters(cli: Cli, folders: Path) -> None:
    title = 'Mine: $x_1$ & 5 % of "it" \\bf{'
    assert cli("table", "ours", "--title", title).out.startswith(f"{title}\n\nCIFAR-10")
    assert cli("table", "ours", "--title", title, "--markdown").out.startswith(f"## {title}\n\nCIFAR-10")
    plotted = cli("plot", "theirs", "ours", "--title", title, "--format", "svg", "--figure", "curves")
    assert plotted.code == 0, plotted.err
    drawn = unescape(Path("theirs/figures/curves-cifar-10-400x64.svg").read_text())
    assert f"<!-- {title} -->" in drawn  # matplotlib's comment beside the outlines of a text
    assert "Training and test error" in drawn
