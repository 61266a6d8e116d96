"""`log --to wandb` with a small stand-in for the package, which needs no account and no network."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import REPOSITORY, Cli
from helpers import assert_mistake_named
from logged_runs import begin, train

from resnet_repro.log.follow import Follower
from resnet_repro.log.wandb import WandB
from resnet_repro.record.run import read_run

QUICK = REPOSITORY / "results/quick/plain20"


class Standin:
    """Keeps a run in a file of its folder, as W&B does offline; `server` has the steps of runs that were online."""

    def __init__(self, mode: str = "offline", fails: str = "") -> None:
        self.mode, self.fails, self.server, self.made = mode, fails, dict[str, int](), list[Any]()
        self.set_up_in = ""

    def setup(self) -> None:
        self.set_up_in = os.getcwd()

    def Settings(self, **values: object) -> SimpleNamespace:  # noqa: N802 - W&B's name
        return SimpleNamespace(mode=self.mode, **values)

    def Image(self, image: Any) -> str:  # noqa: N802 - W&B's name
        return f"{image.width}x{image.height}"

    def init(self, **options: Any) -> Any:
        if self.fails:
            raise ValueError(self.fails)
        assert (options["resume"], options["reinit"]) == ("allow", "create_new")
        place = Path(options["dir"], "wandb", f"{self.mode}-run-{len(self.made)}-{options['id']}")
        (place / "files").mkdir(parents=True)
        step = self.server.get(options["id"], -1) + 1 if self.mode == "online" else 0
        made = SimpleNamespace(**options, step=step, summary={}, history=[], project_url="https://w/p", ended=None)
        made.dir = str(place / "files")

        def log(values: dict[str, Any], step: int) -> None:
            assert step >= made.step
            made.step, self.server[options["id"]] = step, step
            made.history.append((step, values))
            (place / "run.json").write_text(json.dumps(made.history))

        made.log = log
        made.finish = lambda exit_code: setattr(made, "ended", exit_code)
        self.made.append(made)
        return made


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Standin:
    standin = Standin()
    monkeypatch.setitem(sys.modules, "wandb", standin)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return standin


def test_each_run_has_its_numbers_its_spec_and_its_net_as_group(wandb: Standin, tmp_path: Path, cli: Cli) -> None:
    shown = cli("log", QUICK, "--to", "wandb", "--output", tmp_path)
    place = tmp_path / "wandb"
    line = f"3 runs in {place}; upload them with: wandb sync {place}/offline-run-*\n"
    assert (shown.code, shown.out, shown.err) == (0, line, "")
    first, run = wandb.made[0], read_run(QUICK / "seed-0")
    assert (first.name, first.group, first.project) == ("quick/plain20/seed-0", "quick/plain20", "resnet-repro")
    assert {made.group for made in wandb.made} == {first.group}
    assert len({made.id for made in wandb.made}) == 3
    assert first.config["net"] == "plain-20"
    assert first.config["training"]["learning_rate"] == 0.02
    assert first.config["environment"] == run.environment
    assert [step for step, _ in first.history] == [row.step for row in run.rows]
    assert [values["metrics/test_error_pct"] for _, values in first.history if "metrics/test_error_pct" in values] == [
        row.test_error_pct for row in run.rows if row.test_error_pct is not None
    ]
    assert first.summary["status"] == "finished"
    assert first.summary["result/test_error_pct"] == run.result("test_error_pct")
    assert [made.ended for made in wandb.made] == [0, 0, 0]


def test_the_command_given_twice_keeps_one_offline_folder_of_each_run(wandb: Standin, tmp_path: Path, cli: Cli) -> None:
    for _ in range(2):
        cli("log", QUICK, "--to", "wandb", "--output", tmp_path)
    assert sorted(path.name for path in (tmp_path / "wandb").iterdir()) == sorted(
        f"offline-run-{number}-{wandb.made[number].id}" for number in (3, 4, 5)
    )
    assert [made.id for made in wandb.made[:3]] == [made.id for made in wandb.made[3:]]
    assert wandb.made[0].history == wandb.made[3].history


def test_online_a_run_that_is_there_gets_only_its_new_points(wandb: Standin, tmp_path: Path) -> None:
    wandb.mode = "online"
    folder = begin(tmp_path)
    train(folder, [1, 2])
    for expected in ([1, 2], [], [3]):
        tracker = WandB(tmp_path, [tmp_path])
        Follower([tmp_path], tracker, print, following=False).look()
        assert [step for step, _ in wandb.made[-1].history] == expected
        assert tracker.opened_by() == "https://w/p"
        if not expected:
            train(folder, [3])


def test_figures_are_a_run_of_their_own(wandb: Standin, tmp_path: Path, cli: Cli) -> None:
    cli("log", REPOSITORY / "results/quick", "--to", "wandb", "--output", tmp_path)
    last = wandb.made[-1]
    assert (last.name, last.job_type) == ("figures", "figures")
    [(step, images)] = last.history
    assert step == 0
    assert {name.split("/")[0] for name in images} == {"figures"}
    assert len(images) == 2


def test_a_refusal_of_wandb_is_one_line_that_names_the_way_without_account(
    wandb: Standin, tmp_path: Path, cli: Cli
) -> None:
    wandb.fails = "No API key configured.\nUse `wandb login` to log in."
    refused = cli("log", QUICK, "--to", "wandb", "--output", tmp_path)
    said = "--to wandb: No API key configured. Use `wandb login` to log in; WANDB_MODE=offline needs no account"
    assert_mistake_named(refused, 1, said)


def test_no_settings_of_wandb_are_taken_from_a_results_folder(
    wandb: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results/inner").mkdir(parents=True)
    for place, inside in ((tmp_path, False), (tmp_path / "results", True), (tmp_path / "results/inner", True)):
        monkeypatch.chdir(place)
        WandB(tmp_path, [tmp_path / "results"])
        assert (wandb.set_up_in != str(place)) == inside
        assert Path.cwd() == place
