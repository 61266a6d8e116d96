"""`metrics.csv` or `probes.csv` of a run in training, which grows by a few rows at a time."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Generic

from resnet_repro.files import explained, open_to_append, replacing
from resnet_repro.record.rows import T, lines_text, rows_text


class RowFile(Generic[T]):
    """The rows of a file, and its text. Appending a row costs the same however long the file is.

    An appended row survives the end of the process. It survives a loss of power only from the next `write` on; until
    then, the checkpoint has it.
    """

    def __init__(self, path: Path, kind: type[T], rows: Iterable[T] = ()) -> None:
        self.path = path
        self.rows: list[T] = list(rows)
        self.text = bytearray(rows_text(kind, self.rows).encode())

    def write(self) -> None:
        """Replace the file as a whole. Raises RunError."""
        with replacing(self.path) as file:
            file.write(self.text)

    def append(self, rows: Iterable[T]) -> None:
        """Append rows to the file; write it as a whole if somebody has changed its length. Raises RunError."""
        added, size = list(rows), len(self.text)
        self.rows += added
        self.text += lines_text(added).encode()
        if not self._append(self.text[size:], size):
            self.write()

    def _append(self, content: bytes | bytearray, size: int) -> bool:
        """Append to the file if it has `size` bytes. If that fails, as on a full disk, it stays as it was."""
        with explained(self.path), open_to_append(self.path) as file:
            if file.seek(0, os.SEEK_END) != size:
                return False
            try:
                while content:
                    content = content[file.write(content) :]
            except OSError:
                file.truncate(size)
                raise
        return True
