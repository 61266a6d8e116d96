"""Keeps stdout and stderr usable when the terminal closes, a pipe has no reader, or they were never open."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def keep_streams_usable() -> None:
    """Open what is closed of stdin, stdout and stderr on the null device, and survive failing writes to the others.

    A closed descriptor would go to the first file that the program opens, and stray messages into that file.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if was_closed := stream is None:
            _discard(descriptor)
            stream = open(descriptor, "w" if descriptor else "r", closefd=False)  # noqa: SIM115  (stays open)
            setattr(sys, name, stream)
        if descriptor and type(stream) is io.TextIOWrapper:  # not one that a test or a notebook has put there
            setattr(sys, name, _Output(name, stream, was_closed))


class _Output(io.TextIOWrapper):
    """stdout or stderr. After a write that fails, as the first one does if the stream `was_closed`, everything goes to
    the null device.

    On stderr, which shows progress, the failure is ignored. On stdout, which has the results, it is an OSError whose
    `filename` is "stdout".
    """

    def __init__(self, stream_name: str, stream: io.TextIOWrapper, was_closed: bool) -> None:
        super().__init__(
            stream.buffer,
            stream.encoding,
            stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self.stream_name = stream_name
        self.was_closed = was_closed
        self.replaced = stream  # kept, as it would close the buffer in the end

    def write(self, text: str) -> int:
        with self._surviving():
            if self.was_closed:
                self.was_closed = False
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._surviving():
            super().flush()

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _discard(self.fileno())
            if self.stream_name == "stdout":
                error.filename = self.stream_name
                raise


def _discard(descriptor: int) -> None:
    """Open a file descriptor on the null device, also for child processes."""
    null = os.open(os.devnull, os.O_RDWR)
    if null == descriptor:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(null, descriptor)
        os.close(null)
