"""`train.log` of a run: everything that its thread prints, its warnings and its traceback among it."""

import io
import os
import sys
import threading
from pathlib import Path
from typing import TextIO

from resnet_repro.files import explained, make_folder

_this_thread = threading.local()  # its `log`, if it has one


def separate_threads() -> None:
    """From here on, what a thread prints goes to its log, if it has one."""
    sys.stdout, sys.stderr = _ByThread(sys.stdout), _ByThread(sys.stderr)


class RunLog:
    """Sends what this thread prints to the end of a file, as long as the thread lasts; see `separate_threads`.

    What is printed past Python's streams, by libraries and by programs that are called, cannot be told apart by
    thread: it goes to the log that was opened last. In a process that trains one run, that is its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        self._open()
        _this_thread.log = self

    def write(self, text: str) -> None:
        self.file.write(text.encode(errors="backslashreplace"))

    def survive_restart(self) -> None:
        """If the file has been discarded with the rest of the run, begin it with what was printed since."""
        if self.path.exists():
            return
        self.file.seek(self.start)
        said = self.file.read()
        self.file.close()
        self._open()
        self.file.write(said)

    def _open(self) -> None:
        with explained(self.path):
            self.file = self.path.open("ab+", buffering=0)
        self.start = self.file.seek(0, os.SEEK_END)
        for descriptor in (1, 2):  # stdout and stderr
            os.dup2(self.file.fileno(), descriptor)


class _ByThread(io.TextIOBase):
    """Stands in for a stream: passes what a thread prints on to its log, or to the stream if it has none."""

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
