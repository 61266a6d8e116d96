"""Finds what is new in run folders, and passes it to a tracker."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from resnet_repro.analysis.loading import EVERYTHING, read_one
from resnet_repro.analysis.selection import Selection
from resnet_repro.errors import ReproError
from resnet_repro.log.logged import Logged, Rows, settings_of
from resnet_repro.log.pictures import picture_paths, read_pictures
from resnet_repro.log.series import MOST_SERIES, identity, points, probe_name
from resnet_repro.log.tracker import Tracker
from resnet_repro.record.finding import find_runs
from resnet_repro.record.rows import ProbeRow, read_rows
from resnet_repro.record.run import ENVIRONMENT, METRICS, PROBES, SPEC, SUMMARY, Run
from resnet_repro.spec import Experiment

FILES = (SPEC, ENVIRONMENT, METRICS, PROBES, SUMMARY)
SETTLED_SECONDS = 60.0  # after which a step is taken to have all its numbers: probes write theirs after the row
Stamp = tuple[tuple[int, int], ...]  # time and size of some files


class Follower:
    """Looks at results folders, and logs what is new of the chosen runs since the look before.

    A damaged run is left out with a notice. While `following`, a fault must be there at two looks in a row, as a run
    that starts anew has only some of its files for a moment.
    """

    def __init__(
        self,
        results: Sequence[Path],
        tracker: Tracker,
        notice: Callable[[str], object],
        following: bool,
        selection: Selection = EVERYTHING,
    ) -> None:
        self.results, self.tracker, self.following, self.selection = results, tracker, following, selection
        self.found: dict[Path, Experiment] = {}  # of all runs, also those that are not chosen
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
        self.found.pop(folder, None)
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
        self.found[folder] = run.experiment
        if not self.selection.has(run.experiment):
            return
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
        new = rows.after(before.metrics, before.probes) if before and goes_on else rows
        is_same = before is not None and goes_on and before.status == run.status
        if is_same and not any(new):
            return  # its files were written again, with what they held
        if before and goes_on and not before.ended:
            label = before.label
        else:
            if self._is_copy(run):
                return
            label, new = before.label if before else self._label(run), rows
            self.tracker.begin(run, label)
        self.tracker.add(label, points(run, *new))
        counts, ends = (len(rows.metrics), len(rows.probes)), bool(run.summary) or not self.following
        self.logged[run.path] = Logged(label, settings_of(run), run.status, ends, *counts, rows.ends(*counts))
        if ends:
            self.tracker.end(run, label)
            if self.following and before and not is_same:
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
