"""What a user did or met, as opposed to a bug: one clear line, exit code 1, no traceback."""

import sys


def printable(text: str) -> str:
    """Text from anyone's files as one line for a terminal: whatever could steer it is written as its escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


LONGEST_MESSAGE = 1000  # characters; a name in it may come from a stranger


def print_error(text: str) -> None:
    """One line on stderr, whatever is in it."""
    short = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."
    print(f"error: {printable(short)}", file=sys.stderr, flush=True)


class ReproError(Exception):
    """Base of every failure that is not a bug. Its text names the file, the field and the fix."""


class SpecError(ReproError):
    """A spec that cannot be read, or that asks for something impossible."""


class DataError(ReproError):
    """A data set that is missing, damaged, or not what it should be."""


class RunError(ReproError):
    """A run folder or device that cannot be used as asked."""


class DismissedError(ReproError):
    """Another rank met a failure and says why; this one leaves without a word."""
