"""Finds what is new in run folders, and passes it to a tracker."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resnet_repro.analysis.loading import read_one
from resnet_repro.errors import ReproError
from resnet_repro.log.pictures import picture_paths, read_pictures
from resnet_repro.log.series import MOST_SERIES, identity, points, probe_name
from resnet_repro.log.tracker import Tracker
from resnet_repro.record.finding import find_runs
from resnet_repro.record.rows import ProbeRow, Row, read_rows
from resnet_repro.record.run import ENVIRONMENT, METRICS, PROBES, SPEC, SUMMARY, Run

FILES = (SPEC, ENVIRONMENT, METRICS, PROBES, SUMMARY)
SETTLED_SECONDS = 60.0  # after which a step is taken to have all its numbers: probes write theirs after the row
Stamp = tuple[tuple[int, int], ...]  # time and size of some files


class Rows(NamedTuple):
    """The rows of metrics.csv and probes.csv that may be logged."""

    metrics: Sequence[Row]
    probes: Sequence[ProbeRow]

    def before_last_step(self) -> "Rows":
        last = max(rows[-1].step for rows in (self.metrics, self.probes) if rows)
        return Rows([row for row in self.metrics if row.step < last], [row for row in self.probes if row.step < last])

    def after(self, metrics: int, probes: int) -> "Rows":
        """Without the first rows of each file."""
        return Rows(self.metrics[metrics:], self.probes[probes:])

    def ends(self, metrics: int, probes: int) -> tuple[object, ...]:
        """What tells the first rows of each file from any others: the times of a row are never twice the same."""
        last = self.metrics[metrics - 1] if 0 < metrics <= len(self.metrics) else None
        probe = self.probes[probes - 1] if 0 < probes <= len(self.probes) else None
        return last and (last.step, last.elapsed_seconds), probe


@dataclass(frozen=True)
class Logged:
    """What of a run has been logged."""

    label: str
    settings: tuple[object, ...]
    status: str
    metrics: int
    probes: int
    ends: tuple[object, ...]

    def goes_on(self, run: Run, rows: Rows) -> bool:
        """Whether the run is the one that was logged, and perhaps more of it."""
        same = self.settings == settings_of(run) and self.status in ("unfinished", run.status)
        return same and self.ends == rows.ends(self.metrics, self.probes)


def settings_of(run: Run) -> tuple[object, ...]:
    return identity(run), run.environment


class Follower:
    """Looks at results folders, and logs what is new since the look before.

    A damaged run is left out with a notice. While `following`, a fault must be there at two looks in a row, as a run
    that starts anew has only some of its files for a moment.
    """

    def __init__(
        self, results: Sequence[Path], tracker: Tracker, notice: Callable[[str], object], following: bool
    ) -> None:
        self.results, self.tracker, self.following = results, tracker, following
        self.logged: dict[Path, Logged] = {}
        self.faults: dict[Path, str] = {}
        self.training: set[Path] = set()  # the runs that have not ended
        self._notice, self._said = notice, set[str]()
        self._stamps: dict[Path, tuple[Stamp, float]] = {}  # of the files of each run, and when we first saw it
        self._held_back: set[Path] = set()  # runs whose last step may get more numbers
        self._changed = time.monotonic()  # when a look last found something new
        self._written = 0.0  # when a run was last written to, by the clock of its files
        self._pictures: Stamp = ()

    def look(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Log what is new, unless `stopped` between two runs. Raises RunError if that cannot be written."""
        folders = list(dict.fromkeys(folder for root in self.results for folder in find_runs(root, self.say)))
        for folder in self._stamps.keys() - folders:
            self._forget(folder)
        for folder in folders:
            if stopped():
                return
            stamp, now = _stamp(folder / name for name in FILES), time.monotonic()
            before, since = self._stamps.get(folder, (None, now))
            if stamp != before:
                self._stamps[folder] = stamp, now
                self._changed = now
                self._written = max(self._written, max(changed for changed, _ in stamp) / 1e9)
            settled = folder in self._held_back and now - since > SETTLED_SECONDS
            if stamp != before or settled or folder in self.faults:
                self._read(folder, settled)
        paths = picture_paths(self.results, folders)
        if self.logged and (stamp := _stamp(paths)) != self._pictures:
            self._pictures = stamp
            self.tracker.show(read_pictures(paths, self.say))

    @property
    def idle_seconds(self) -> float:
        """For how long no run has been written to: as seen here, or by the clock of the files."""
        return max(time.monotonic() - self._changed, time.time() - self._written)

    def say(self, text: str) -> None:
        """A notice, the first time."""
        if text not in self._said:
            self._said.add(text)
            self._notice(text)

    def _forget(self, folder: Path) -> None:
        del self._stamps[folder]
        self.faults.pop(folder, None)
        for runs in (self.training, self._held_back):
            runs.discard(folder)
        if gone := self.logged.pop(folder, None):
            self._notice(f"{folder}: has been deleted; what was logged of {gone.label} stays")

    def _read(self, folder: Path, settled: bool) -> None:
        run = read_one(folder)
        if isinstance(run, str):
            self.training.discard(folder)
            if not self.following or self.faults.get(folder) == run:
                self.say(f"{run}; this run is left out")
            self.faults[folder] = run
            return
        self.faults.pop(folder, None)
        (self.training.discard if run.summary else self.training.add)(folder)
        rows = Rows(run.rows, self._probes(run))
        self._held_back.discard(folder)
        if self._may_grow(run) and not settled and rows.metrics:
            self._held_back.add(folder)
            rows = rows.before_last_step()
        if rows.metrics:
            self._log(run, rows)

    def _probes(self, run: Run) -> Sequence[ProbeRow]:
        try:
            steps = run.experiment.training.steps
            rows = read_rows(run.path / PROBES, ProbeRow, steps, grows=not run.summary)
        except ReproError as error:
            self.say(f"{error}; the probes of this run are left out")
            return ()
        names = list(dict.fromkeys(map(probe_name, rows)))
        if len(names) <= MOST_SERIES:
            return rows
        self.say(f"{run.path / PROBES}: holds more than {MOST_SERIES:,} series; the others are left out")
        kept = set(names[:MOST_SERIES])
        return [row for row in rows if probe_name(row) in kept]

    def _may_grow(self, run: Run) -> bool:
        """Whether the last step may still get numbers, where all numbers of a step must come at once."""
        probed = bool(run.experiment.probes.measure)
        return self.tracker.one_point_a_step and self.following and probed and not run.summary

    def _log(self, run: Run, rows: Rows) -> None:
        """Pass what is new of a run to the tracker: all of it, if it is not the run before with further rows."""
        before = self.logged.get(run.path)
        goes_on = before is not None and before.goes_on(run, rows)
        if before and goes_on:
            label, new = before.label, rows.after(before.metrics, before.probes)
        else:
            if self._is_copy(run):
                return
            label, new = before.label if before else self._label(run), rows
            self.tracker.begin(run, label)
        self.tracker.add(label, points(run, *new))
        counts = len(rows.metrics), len(rows.probes)
        self.logged[run.path] = Logged(label, settings_of(run), run.status, *counts, rows.ends(*counts))
        has_ended = not (before and goes_on and before.status == run.status)
        if has_ended and (run.summary or not self.following):
            self.tracker.end(run, label)
            if self.following and before:
                self._notice(f"{label}: {run.status} after {rows.metrics[-1].step} steps")

    def _is_copy(self, run: Run) -> bool:
        name = identity(run)
        for path, logged in self.logged.items():
            if path != run.path and logged.settings[0] == name:
                self.say(f"{run.path}: is a copy of {path} and is left out")
                return True
        return False

    def _label(self, run: Run) -> str:
        """The place of a run, <name>/seed-<k>, with the start of its identity if another run has that place."""
        taken = {logged.label.casefold() for logged in self.logged.values()}
        label = run.experiment.label
        return f"{label}-{identity(run)[:8]}" if label.casefold() in taken else label


def _stamp(paths: Iterable[Path]) -> Stamp:
    """The times and sizes of files; zeros for those that are not there."""

    def stamp(path: Path) -> tuple[int, int]:
        try:
            status = os.stat(path)
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size

    return tuple(map(stamp, paths))
