"""The experiments of the package are found by their names, and a path that exists comes first."""

import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import REPOSITORY, TINY, Cli
from helpers import SMALL, assert_mistake_named

from resnet_repro.errors import SpecError
from resnet_repro.launch.tasks import Task
from resnet_repro.record.run import read_run
from resnet_repro.spec.carried import carried_names, carried_specs, copy_carried, find_spec
from resnet_repro.spec.file import load_spec
from resnet_repro.spec.suite import load_suite

EXPERIMENTS = REPOSITORY / "experiments"


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"),
    [("resnet20", "resnet20.yaml"), ("quick/plain20", "quick/plain20.yaml"), ("./tenth", "tenth"),
     ("identity_mappings/scaled-0.5-1", "identity_mappings/scaled-0.5-1.yaml")],
)  # fmt: skip
def test_a_name_stands_for_the_experiment_or_suite_of_the_package(
    name: str, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_spec(Path(name)) == EXPERIMENTS / file
    assert caplog.messages == []


def test_a_suite_by_name_is_all_of_its_experiments_and_extends_works_in_it() -> None:
    runs = load_suite([Path("tenth")], (), None)
    assert [run.name for run in runs] == [load_spec(path).name for path in sorted((EXPERIMENTS / "tenth").iterdir())]
    assert {run.training.steps for run in runs} == {6400}


@pytest.mark.parametrize("path", ["experiments/plain56.yaml", "experiments/quick", "experiments"])
def test_a_path_of_the_pages_works_where_there_is_no_folder_experiments_and_is_noted(
    path: str, empty: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_spec(Path(path)) == REPOSITORY / path
    assert caplog.messages == [f"{path}: comes from the package, as there is no folder experiments here"]
    (empty / "experiments").mkdir()  # of somebody's own
    with pytest.raises(SpecError):
        load_suite([Path(path)], (), None)


@pytest.mark.parametrize(
    "name",
    ["plain57", "experiments/plain57.yaml", "plain20.yaml", "quick/../plain20", "experiments/../experiments/quick",
     "experiments/README.md", "schema.json", "tests", "", "/plain20", "plain20\0"],
)  # fmt: skip
def test_nothing_else_is_found_in_the_package(name: str) -> None:
    with pytest.raises(SpecError):
        load_suite([Path(name)], (), None)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("plain57", "plain56"), ("plain56.yaml", "plain56"), ("experiments/plain65.yaml", "plain56"), ("qick", "quick"),
     ("Resnet20", "resnet20"), ("quick/plian20", "quick/plain20")],
)  # fmt: skip
def test_a_mistyped_name_is_answered_with_the_nearest_ones(cli: Cli, typed: str, meant: str) -> None:
    refused = cli("train", typed)
    assert_mistake_named(refused, 1, f"{typed}: there is no such experiment; did you mean ")
    assert meant in refused.err.rstrip("?\n").partition("mean ")[2].replace(" or ", ", ").split(", ")


def test_a_note_about_a_file_without_an_ending_is_printed_once(cli: Cli, empty: Path) -> None:
    Path("plain20").write_text("model: {depth: 20}\n")
    refused = cli("train", "plain20", "--set", "model.depth=21")
    assert refused.err.count("plain20: is what lies here, not the package's experiments of this name") == 1


def test_what_lies_at_the_path_comes_first_and_a_note_says_what_is_taken(
    empty: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (empty / "plain20.yaml").write_text(TINY)
    assert load_spec("plain20.yaml").model.depth == 8
    assert caplog.messages == []
    assert load_spec("plain20").model.depth == 20
    assert caplog.messages == ["plain20: is the package's experiment, not the file here; for that, name plain20.yaml"]
    caplog.clear()
    (empty / "quick").mkdir()
    shutil.move("plain20.yaml", "quick")
    assert [run.model.depth for run in load_suite([Path("quick")], (), None)] == [8]
    assert caplog.messages == ["quick: is what lies here, not the package's experiments of this name"]


def test_in_the_folder_of_the_experiments_both_are_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(EXPERIMENTS)
    assert find_spec(Path("plain20")) == EXPERIMENTS / "plain20.yaml"
    assert find_spec(Path("quick")) == Path("quick")
    assert caplog.messages == []


def test_train_and_describe_take_names(cli: Cli) -> None:
    overrides = [word for value in SMALL for word in ("--set", value)]
    trained = cli("train", "plain20", *overrides, "--device", "cpu")
    assert trained.code == 0, trained.err
    assert read_run(Path("results/plain20/seed-0")).environment["command"][2] == "plain20"
    shown = cli("describe", "plain20", "quick/resnet20", "--diff", "--set", "model.depth=8", "--json")
    assert '"model.shortcut: none against identity"' in shown.out
    shown = cli("describe", "quick", "--set", "model.depth=8", "--json")
    assert [f'"{name}"' in shown.out for name in carried_names() if name.startswith("quick/")] == [True] * 4


def test_reproduce_and_demo_take_the_experiments_of_the_package(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(tasks: list[Task], *_: object) -> int:
        print(*(task.label.removesuffix("/seed-0") for task in tasks))
        return 1

    monkeypatch.setattr("resnet_repro.launch.command.train", train)
    monkeypatch.setattr("resnet_repro.launch.command.announce", lambda *_: None)
    monkeypatch.setattr("resnet_repro.data.cifar10.find_cifar10", lambda _: Path("data"))
    assert cli("reproduce", "--schedule", "tenth").out.startswith("tenth/plain20 tenth/resnet20 tenth/plain56 ")
    Path("quick").mkdir()  # of somebody's own
    assert cli("demo").out == "quick/plain20 quick/plain56 quick/resnet20 quick/resnet56\n"
    assert cli("demo", "classifier").out.startswith("classifier/plain20 ")


def test_copies_are_trained_as_the_originals_and_overwrite_nothing(cli: Cli, empty: Path) -> None:
    mine = empty / "my own"
    copied = cli("experiments", "--copy", mine)
    assert copied.out.startswith(f"copied {len(carried_specs())} specs into {mine}, and schema.json")
    assert copied.out.splitlines()[-1] == f"next: edit one, then resnet-repro train '{mine}/plain20.yaml'"
    for name in ("plain20", "tenth/resnet110", "identity_mappings/original-164"):  # two of them extend others
        assert load_spec(mine / f"{name}.yaml") == load_spec(name)
    (mine / "plain20.yaml").unlink()
    before = {path: path.read_bytes() for path in mine.rglob("*.*")}
    refused = cli("experiments", "--copy", mine)
    assert_mistake_named(
        refused, 1, f"--copy {mine}: {mine}/plain20-nobn.yaml is there already, and nothing is overwritten"
    )
    assert {path: path.read_bytes() for path in mine.rglob("*.*")} == before


def test_a_copy_leads_nowhere_by_a_link_and_replaces_no_file(cli: Cli, empty: Path) -> None:
    (empty / "elsewhere").mkdir()
    (empty / "mine").mkdir()
    (empty / "mine/quick").symlink_to(empty / "elsewhere")
    assert_mistake_named(cli("experiments", "--copy", "mine"), 1, "mine/quick: a link leads out of mine")
    assert list((empty / "elsewhere").iterdir()) == []
    (empty / "file").touch()
    assert_mistake_named(cli("experiments", "--copy", "file"), 1, "choose another --copy")
    (empty / "linked").mkdir()
    (empty / "linked/plain20.yaml").symlink_to(empty / "nowhere")
    assert_mistake_named(cli("experiments", "--copy", "linked"), 1, "linked/plain20.yaml is there already")
    with pytest.raises(Exception, match="is there already"):
        copy_carried(EXPERIMENTS)


def test_the_list_says_of_every_experiment_what_it_is_what_to_expect_and_what_it_costs(cli: Cli) -> None:
    listed = {experiment["name"]: experiment for experiment in json.loads(cli("experiments", "--json").out)}
    assert list(listed) == list(carried_specs())
    assert listed["quick/plain20"]["cost"] == 1
    assert listed["plain56"] == {
        "name": "plain56",
        "suite": "",
        "what": "He et al. 2015, Fig. 1 and Fig. 6 (left).",
        "expect": "Expect about 5.8 % training and 13.3 % test error.",
        "steps": 64_000,
        "batch_size": 128,
        "multiply_adds": 125_485_696,
        "cost": pytest.approx(64_000 * 128 * 125_485_696 / (400 * 64 * 40_551_040)),
    }
    shown = cli("experiments").out
    assert all(re.search(rf"^{re.escape(name)}\b", shown, re.MULTILINE) for name in listed)
    heading = "quick: plain and residual 20 and 56, 400 steps of 64. A run takes a few minutes on two cores. "
    assert heading in " ".join(shown.split())
    assert re.search(r"^plain56 +about 5\.8 % training and 13\.3 % test error +990\.2$", shown, re.MULTILINE)
    assert cli("experiments", "--json", "--copy", "x").code == 2
