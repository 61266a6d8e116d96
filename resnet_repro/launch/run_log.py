"""Writes `train.log` of a run: all that its thread prints, including warnings and tracebacks."""

import io
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from resnet_repro.files import make_folder, open_to_append

_this_thread = threading.local()  # `.log` is this thread's RunLog, if it has one


def separate_threads() -> None:
    """From now on, send what a thread prints to its RunLog, if it has one."""
    sys.stdout, sys.stderr = _ByThread(sys.stdout), _ByThread(sys.stderr)


class RunLog:
    """Appends all that this thread prints to a file; needs `separate_threads`.

    Output that bypasses Python's streams, from libraries and child processes, belongs to no thread. It goes to the log
    that was opened last, which is the run's own in a process that trains one run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        self._open()
        _this_thread.log = self

    def write(self, text: str) -> None:
        with suppress(OSError):  # such as a full disk, which costs lines of the log, not the run
            self.file.write(text.encode(errors="backslashreplace"))

    def survive_restart(self) -> None:
        """If a restart has deleted the file, write what was printed since it was opened into a new one."""
        if self.path.exists():
            return
        self.file.seek(self.start)
        printed = self.file.read()
        self.file.close()
        self._open()
        self.file.write(printed)

    def _open(self) -> None:
        self.file = open_to_append(self.path)
        self.start = self.file.seek(0, os.SEEK_END)
        for descriptor in (1, 2):  # stdout and stderr
            os.dup2(self.file.fileno(), descriptor)


class _ByThread(io.TextIOBase):
    """Replaces stdout or stderr: sends what a thread prints to its log, or to the stream if it has none."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        log: RunLog | None = getattr(_this_thread, "log", None)
        if log:
            log.write(text)
        else:
            self.stream.write(text)
            self.stream.flush()
        return len(text)

    def fileno(self) -> int:
        return self.stream.fileno()
