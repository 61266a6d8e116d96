"""`train.log` of a run: everything that its process prints, its warnings and its traceback among it."""

import os
import sys
from pathlib import Path

from resnet_repro.files import explained, make_folder


class RunLog:
    """Sends what this process prints, by whatever means, to the end of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        self._open()

    def survive_restart(self) -> None:
        """If the file has been discarded with the rest of the run, begin it with what was printed since."""
        if self.path.exists():
            return
        sys.stdout.flush()
        sys.stderr.flush()
        self.file.seek(self.start)
        said = self.file.read()
        self.file.close()
        self._open()
        os.write(self.file.fileno(), said)

    def _open(self) -> None:
        with explained(self.path):
            self.file = self.path.open("ab+", buffering=0)
        self.start = self.file.seek(0, os.SEEK_END)
        for printed in (sys.stdout, sys.stderr):
            printed.flush()
            os.dup2(self.file.fileno(), printed.fileno())
