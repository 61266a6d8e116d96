"""How a queue of runs is shown, on stderr: a live table on a terminal, else the plain lines of every run."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import get_args

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resnet_repro.errors import printable
from resnet_repro.launch.tracking import Event, Line, Tracked, TrackedState
from resnet_repro.runner.progress import REFRESH_SECONDS

LAST_ENDED = 5  # of the runs that have ended, so many are shown
COLUMNS = {"device": "left", "step": "right", "loss": "right", "train %": "right", "test %": "right",
           "images/s": "right", "left": "right"}  # fmt: skip


class Board:
    """Told what goes on in the queue. The default keeps quiet."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def told(self, run: Tracked, event: Event) -> None: ...
    def ended(self, run: Tracked) -> None: ...
    def refresh(self) -> None: ...


def new_board(runs: Sequence[Tracked]) -> Board:
    """The board that suits stderr."""
    return LiveBoard(runs, Console(stderr=True, highlight=False)) if sys.stderr.isatty() else LineBoard(runs)


class LineBoard(Board):
    """For pipes, logs and CI."""

    def __init__(self, runs: Sequence[Tracked]) -> None:
        self.runs = runs

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print(count(self.runs), file=sys.stderr, flush=True)

    def told(self, run: Tracked, event: Event) -> None:
        if isinstance(event, Line):
            print(event.text, file=sys.stderr, flush=True)

    def ended(self, run: Tracked) -> None:
        if run.state == "failed":
            print(f"{run.label}: failed: {printable(run.error)}", file=sys.stderr, flush=True)


class LiveBoard(Board):
    """For a terminal."""

    def __init__(self, runs: Sequence[Tracked], console: Console) -> None:
        self.runs = runs
        self.last_ended: list[Tracked] = []
        self.live = Live(console=console, auto_refresh=False)
        self.refreshed = 0.0

    def __enter__(self) -> None:
        self.live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()
        self.live.stop()

    def ended(self, run: Tracked) -> None:
        self.last_ended = [*self.last_ended, run][-LAST_ENDED:]

    def refresh(self) -> None:
        if time.monotonic() - self.refreshed >= REFRESH_SECONDS:
            self._show()

    def _show(self) -> None:
        self.refreshed = time.monotonic()
        self.live.update(draw(self.runs, self.last_ended), refresh=True)


def draw(runs: Sequence[Tracked], last_ended: Sequence[Tracked]) -> Group:
    """The last runs that ended, those that are running, and how many there are of every kind."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("run")  # gives way where the terminal is narrow
    table.add_column("state", no_wrap=True)
    for name, side in COLUMNS.items():
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True)
    for run in [*last_ended, *(run for run in runs if run.state == "running")]:
        table.add_row(Text(run.label, no_wrap=True, overflow="ellipsis"), run.state, *_cells(run))
    return Group(table, Text(count(runs)))


def count(runs: Sequence[Tracked]) -> str:
    """ "3 runs: 2 finished, 1 failed" """
    counts = Counter(run.state for run in runs)
    kinds = [f"{counts[state]} {state}" for state in get_args(TrackedState) if counts[state]]
    return f"{len(runs)} runs: {', '.join(kinds)}"


def _cells(run: Tracked) -> list[str]:
    sample = run.sample
    return [
        run.device,
        f"{run.step}/{run.task.experiment.training.steps}",
        f"{sample.loss:.3f}" if sample else "",
        f"{sample.train_error_pct:.1f}" if sample else "",
        "" if run.test_error_pct is None else f"{run.test_error_pct:.1f}",
        f"{sample.images_per_second:.0f}" if sample else "",
        "" if run.seconds_left is None else _duration(run.seconds_left),
    ]


def _duration(seconds: float) -> str:
    """1:05:09, as rich writes what is left of a bar."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
