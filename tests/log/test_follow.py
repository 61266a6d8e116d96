"""Following runs: what is new is logged once, whatever happens to the run folders meanwhile."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from logged_runs import Remembering, begin, finish, train
from PIL import Image

from resnet_repro.log import follow
from resnet_repro.log.follow import Follower
from resnet_repro.record.run import METRICS, PROBES, SPEC

LABEL = "suite/net/seed-3"


class Following(Follower):
    """A follower of one results folder, whose notices are kept."""

    def __init__(self, results: Path, one_point_a_step: bool = False) -> None:
        self.memory, self.notices = Remembering(one_point_a_step), list[str]()
        super().__init__([results], self.memory, self.notices.append, following=True)

    def seen(self, changed: Callable[[], object] | None = None) -> list[int]:
        """The logged steps of the run after a change and a look."""
        if changed:
            changed()
        self.look()
        return self.memory.steps()


def test_rows_are_logged_as_they_come_and_none_twice(tmp_path: Path) -> None:
    folder, follower = begin(tmp_path), Following(tmp_path)
    follower.look()
    assert follower.memory.points == {}  # there is no row yet
    assert follower.seen(lambda: train(folder, [1, 2])) == [1, 2]
    assert follower.seen() == [1, 2]
    assert follower.seen(lambda: train(folder, [3])) == [1, 2, 3]
    assert follower.training == {folder.path}
    assert follower.seen(lambda: finish(folder)) == [1, 2, 3, 9]
    follower.look()
    assert follower.training == set()
    assert follower.memory.begun == [LABEL]
    assert follower.memory.ended == [f"{LABEL} finished"]
    assert follower.notices == [f"{LABEL}: finished after 9 steps"]


def test_files_that_are_written_again_with_what_they_held_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, follower = begin(tmp_path), Following(tmp_path)
    train(folder, [1, 2])
    assert follower.seen(lambda: finish(folder)) == [1, 2, 9]
    monkeypatch.setattr(follower.memory, "add", lambda label, points: pytest.fail("its place is closed"))
    for name in (METRICS, SPEC):
        os.utime(folder.path / name, ns=(1, 1))
        follower.look()
    assert (follower.memory.begun, follower.memory.ended) == ([LABEL], [f"{LABEL} finished"])


def test_a_row_that_is_just_being_written_waits_for_its_end(tmp_path: Path) -> None:
    folder, follower = begin(tmp_path), Following(tmp_path)
    train(folder, [1, 2, 3])
    whole = (folder.path / METRICS).read_bytes()
    (folder.path / METRICS).write_bytes(whole[:-5])
    assert follower.seen() == [1, 2]
    assert follower.seen(lambda: (folder.path / METRICS).write_bytes(whole)) == [1, 2, 3]
    assert (follower.memory.begun, follower.notices) == ([LABEL], [])


def test_a_run_that_is_resumed_from_an_earlier_step_is_logged_anew(tmp_path: Path) -> None:
    folder, follower = begin(tmp_path), Following(tmp_path)
    train(folder, [1, 2])
    recorded = folder.recorded()
    assert follower.seen(lambda: train(folder, [3, 4])) == [1, 2, 3, 4]
    resumed = begin(tmp_path)
    resumed.begin(resumed.environment, recorded)
    train(resumed, [3, 4], took=0.2)
    assert follower.seen() == [1, 2, 3, 4]
    assert follower.memory.begun == [LABEL, LABEL]
    assert [point.seconds for point in follower.memory.points[LABEL]] == pytest.approx([0.1, 0.2, 0.6, 0.8])


def test_a_run_that_starts_again_is_logged_anew_and_its_missing_files_are_no_fault(tmp_path: Path) -> None:
    folder, follower = begin(tmp_path), Following(tmp_path)
    assert follower.seen(lambda: train(folder, [1, 2])) == [1, 2]
    (folder.path / SPEC).unlink()
    assert follower.seen() == [1, 2]
    folder = begin(tmp_path)
    follower.look()
    assert follower.seen(lambda: train(folder, [1], took=0.3)) == [1]
    assert follower.notices == []


def test_runs_that_begin_are_followed_and_one_that_is_deleted_is_named(tmp_path: Path) -> None:
    follower = Following(tmp_path)
    follower.look()
    first = begin(tmp_path)
    assert follower.seen(lambda: train(first, [1])) == [1]
    second = begin(tmp_path, seed=4)
    train(second, [1, 2])
    shutil.rmtree(first.path)
    follower.look()
    assert follower.memory.points.keys() == {LABEL, "suite/net/seed-4"}
    assert follower.training == {second.path}
    assert follower.notices == [f"{first.path}: has been deleted; what was logged of {LABEL} stays"]


def test_a_damaged_run_is_named_once_and_hides_no_other(tmp_path: Path) -> None:
    damaged, whole, follower = begin(tmp_path, seed=4), begin(tmp_path), Following(tmp_path)
    train(damaged, [1])
    train(whole, [1])
    healthy = (damaged.path / METRICS).read_bytes()
    (damaged.path / METRICS).write_bytes(b"step\n1\n")
    for _ in range(4):
        assert follower.seen() == [1]
    [said] = follower.notices
    assert said.startswith(f"{damaged.path / METRICS}:1: the columns should be")
    assert follower.training == {whole.path}
    (damaged.path / METRICS).write_bytes(healthy)
    follower.look()
    assert follower.memory.steps("suite/net/seed-4") == [1]


def test_damaged_probes_are_named_once_and_the_metrics_are_logged(tmp_path: Path) -> None:
    folder, follower = begin(tmp_path, probed=True), Following(tmp_path)
    train(folder, [1])
    (folder.path / PROBES).write_text("nothing\n")
    assert follower.seen() == [1]
    (folder.path / METRICS).touch()
    follower.look()
    assert len(follower.notices) == 1
    assert "the probes of this run are left out" in follower.notices[0]


def test_a_copy_of_a_run_counts_once_and_two_runs_of_one_name_have_two_places(tmp_path: Path) -> None:
    folder, follower = begin(tmp_path / "a"), Following(tmp_path)
    train(folder, [1])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    train(begin(tmp_path / "c"), [1], took=0.7)
    follower.look()
    places = list(follower.memory.points)
    assert places[0] == LABEL
    assert places[1].startswith(f"{LABEL}-")
    assert len(places) == 2
    assert follower.notices == [
        f"{tmp_path / 'b/suite/net/seed-3'}: is a copy of {tmp_path / 'a/suite/net/seed-3'} and is left out"
    ]


def test_a_step_waits_for_its_probes_where_all_its_numbers_must_come_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, follower = begin(tmp_path, probed=True), Following(tmp_path, one_point_a_step=True)
    train(folder, [1])
    follower.look()
    assert follower.memory.points == {}
    assert follower.seen(lambda: train(folder, [2])) == [1]
    values = follower.memory.points[LABEL][0].values
    assert values["metrics/train_error_pct"] == 90
    assert values["probe_layer_response/stage1.0.branch.conv1/std"] == 0.125
    monkeypatch.setattr(follow, "SETTLED_SECONDS", 0)
    assert follower.seen() == [1, 2]
    assert follower.seen(lambda: train(folder, [3])) == [1, 2]
    assert follower.seen() == [1, 2, 3]


def test_figures_are_shown_and_shown_again_when_they_are_redrawn(tmp_path: Path) -> None:
    train(begin(tmp_path), [1])
    follower = Following(tmp_path)
    for place, name in (("figures", "curves"), ("suite/figures", "other")):
        (tmp_path / place).mkdir()
        Image.new("RGB", (20, 10)).save(tmp_path / place / f"{name}.png")
    (tmp_path / "figures/no.png").write_text("<svg/>")
    (tmp_path / "figures/half.png").write_bytes((tmp_path / "figures/curves.png").read_bytes()[:-20])
    follower.look()
    assert follower.memory.pictures == ["figures/curves", "suite/other"]
    cut, other = follower.notices
    assert "half.png: is cut; it is left out" in cut
    assert "no.png: is not a PNG picture" in other
    follower.memory.pictures = []
    follower.look()
    assert follower.memory.pictures == []
    Image.new("RGB", (30, 10)).save(tmp_path / "figures/curves.png")
    follower.look()
    assert follower.memory.pictures == ["figures/curves", "suite/other"]
