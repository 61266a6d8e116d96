"""Shows a queue of runs on stderr: a live table on a terminal, else the plain lines of every run."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import get_args

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from resnet_repro.errors import printable
from resnet_repro.launch.tracking import Event, LogLine, QueuedRun, QueueStatus
from resnet_repro.runner.progress import REFRESH_SECONDS
from resnet_repro.text_tables import counted, fit, make_table

LAST_ENDED = 5  # how many of the runs that have ended are shown
COLUMNS = ("run", "status", "device", "step", "loss", "train %", "test %", "images/s", "left")
# Left out on a narrow terminal, the first ones first.
OPTIONAL = ("device", "images/s", "loss", "train %", "left", "step", "test %")


class Board:
    """Callbacks of the queue that show its runs. These ones show nothing."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def received(self, run: QueuedRun, event: Event) -> None: ...
    def ended(self, run: QueuedRun) -> None: ...
    def refresh(self) -> None: ...


def new_board(runs: Sequence[QueuedRun]) -> Board:
    """A live table if stderr is a terminal, else plain lines."""
    return LiveBoard(runs, Console(stderr=True, highlight=False)) if sys.stderr.isatty() else LineBoard(runs)


class LineBoard(Board):
    """Plain lines, for pipes, logs and CI."""

    def __init__(self, runs: Sequence[QueuedRun]) -> None:
        self.runs = runs

    def received(self, run: QueuedRun, event: Event) -> None:
        if isinstance(event, LogLine):
            print(event.text, file=sys.stderr, flush=True)

    def ended(self, run: QueuedRun) -> None:
        if run.status == "failed":
            print(f"{run.label}: failed: {printable(run.error)}", file=sys.stderr)
        print(count(self.runs), file=sys.stderr, flush=True)


class LiveBoard(Board):
    """A live table, for a terminal."""

    def __init__(self, runs: Sequence[QueuedRun], console: Console) -> None:
        self.runs = runs
        self.last_ended: list[QueuedRun] = []
        self.live = Live(console=console, auto_refresh=False)
        self.refreshed = 0.0

    def __enter__(self) -> None:
        self.live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()
        self.live.stop()

    def ended(self, run: QueuedRun) -> None:
        self.last_ended = [*self.last_ended, run][-LAST_ENDED:]

    def refresh(self) -> None:
        if time.monotonic() - self.refreshed >= REFRESH_SECONDS:
            self._show()

    def _show(self) -> None:
        self.refreshed = time.monotonic()
        self.live.update(draw(self.runs, self.last_ended, self.live.console.width), refresh=True)


def draw(runs: Sequence[QueuedRun], last_ended: Sequence[QueuedRun], width: int) -> Group:
    """A table of the last runs that ended and of those that train, above the number of runs by status."""
    shown = [*last_ended, *(run for run in runs if run.status == "running")]
    rows = [[_shortened(run.label, width // 2), run.status, *_cells(run)] for run in shown]
    return Group(make_table(fit(COLUMNS, rows, width, OPTIONAL), width), Text(), Text(count(runs)))


def _shortened(label: str, width: int) -> str:
    """The end of a label, which tells it from others."""
    return label if len(label) <= width else f"…{label[1 - width :]}"


def count(runs: Sequence[QueuedRun]) -> str:
    """The number of runs by status, such as "3 runs: 2 finished, 1 failed"."""
    counts = Counter(run.status for run in runs)
    by_status = [f"{counts[status]} {status}" for status in get_args(QueueStatus) if counts[status]]
    return f"{counted(len(runs), 'run')}: {', '.join(by_status)}"


def _cells(run: QueuedRun) -> list[str]:
    progress = run.progress
    return [
        run.device,
        f"{run.step}/{run.task.experiment.training.steps}",
        f"{progress.loss:.3f}" if progress else "",
        f"{progress.train_error_pct:.1f}" if progress else "",
        "" if run.test_error_pct is None else f"{run.test_error_pct:.1f}",
        f"{progress.images_per_second:.0f}" if progress else "",
        "" if run.seconds_left is None else _duration(run.seconds_left),
    ]


def _duration(seconds: float) -> str:
    """Seconds as 1:05:09, which is how rich writes the time left."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
