"""Runs `log`: sends the runs of results folders to a tracker, once or until they have ended."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from resnet_repro.analysis.loading import run_folders
from resnet_repro.analysis.selection import Selection
from resnet_repro.errors import RunError
from resnet_repro.log.follow import Follower
from resnet_repro.log.tensorboard import TensorBoard
from resnet_repro.log.tracker import Tracker
from resnet_repro.log.wandb import WandB
from resnet_repro.record.finding import is_run_folder
from resnet_repro.runner.signals import stop_signals
from resnet_repro.text_tables import counted

LOOK_SECONDS = 2.0  # between two looks
SHARE = 0.2  # of the time, at the most, goes into looks
IDLE_SECONDS = 60.0  # after the last run has ended, in which the next one of a queue may start
NAP_SECONDS = 0.2


def log(
    results: Sequence[Path],
    to: str,
    selection: Selection,
    follow: bool,
    output: Path | None,
    notice: Callable[[str], object],
) -> bool:
    """Log the chosen runs, and print where they are. Returns whether a signal stopped it before its end.

    `to` is "tensorboard" or "wandb". While it follows, it looks for news every two seconds. Raises RunError if there is
    no run, or nothing can be logged.
    """
    for folder in results:
        if not (follow and folder.is_dir()):
            run_folders(folder, lambda text: None)  # refuses a folder without runs
    home = output or _above_runs(results[0])
    tracker: Tracker = (
        TensorBoard(output or home / "tensorboard", home) if to == "tensorboard" else WandB(home, results)
    )
    follower = Follower(results, tracker, notice, follow, selection)
    with stop_signals() as stopped:
        try:
            follower.look(stopped)
            if not stopped():
                _check(follower, selection, notice)
            if follower.logged:
                _say(follower, tracker)
            if follow:
                _follow(follower, tracker, stopped, notice)
            return stopped()
        finally:
            tracker.close()


def _follow(follower: Follower, tracker: Tracker, stopped: Callable[[], bool], notice: Callable[[str], object]) -> None:
    """Look again and again until the runs have ended or a signal comes."""
    said = bool(follower.logged)
    training = (
        f"follows {counted(len(follower.training), 'run')} in training" if follower.training else "no run trains yet"
    )
    notice(f"{training}; looks for news until all have ended, or Ctrl-C")
    while not stopped() and (follower.training or not follower.logged or follower.idle_seconds < IDLE_SECONDS):
        started = time.monotonic()
        follower.look(stopped)
        if follower.logged and not said:
            _say(follower, tracker)
            said = True
        until = time.monotonic() + max(LOOK_SECONDS, (time.monotonic() - started) / SHARE)
        while not stopped() and time.monotonic() < until:
            time.sleep(NAP_SECONDS)


def _check(follower: Follower, selection: Selection, notice: Callable[[str], object]) -> None:
    """Raise RunError if nothing was logged, or a name fits no run; a follower only says so, as runs may yet begin."""
    if found := follower.found.values():
        try:
            selection.check(found, notice)
        except RunError as error:
            if not follower.following:
                raise
            notice(str(error))
    if not follower.logged and not follower.following:
        fault = next(iter(follower.faults.values()), "")
        rowless = f"{follower.results[0]}: no run has a row yet; --follow waits for the first"
        raise RunError(fault or rowless)


def _say(follower: Follower, tracker: Tracker) -> None:
    print(f"{counted(len(follower.logged), 'run')} in {tracker.opened_by()}", flush=True)


def _above_runs(folder: Path) -> Path:
    """The folder itself, or the first one above it that is not that of a run."""
    while is_run_folder(folder.absolute()):
        folder = folder.parent if folder.parent != folder else folder.absolute().parent
    return folder
