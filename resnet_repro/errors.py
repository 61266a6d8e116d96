"""Failures that are not bugs: a command shows one clear line, without traceback, and exits with 1."""

import codecs
import sys


def printable(text: str) -> str:
    """Text from anyone's files as one line for a terminal; control characters are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


SIMPLER = "simpler"  # the name of an error handler, as `errors` of a stream
# Ours, for terminals and pipes of older encodings, which lack some of them.
PLAINER = {"−": "-", "–": "-", "±": "+/-", "·": "-", "×": "x", "≠": "!=", "†": "*", "²": "^2"}


def _simpler(error: UnicodeError) -> tuple[str, int]:
    """Write characters that an encoding lacks in a simpler way, or as escapes."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(PLAINER.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking), error.end


codecs.register_error(SIMPLER, _simpler)
LONGEST_MESSAGE = 1000  # characters; a message may quote a file


def error_line(text: str) -> str:
    """An error as one line, whatever its text holds."""
    short = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."
    return f"error: {printable(short)}"


def print_error(text: str) -> None:
    """Print an error as one line on stderr."""
    print(error_line(text), file=sys.stderr, flush=True)


def notice(text: str) -> None:
    """Print a note as one line on stderr."""
    print(f"note: {printable(text)}", file=sys.stderr, flush=True)


def reason_of(error: BaseException) -> str:
    """What an error that is not ours says, as one line; its type if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def summary_of(error: BaseException) -> str:
    """An error that is not ours as one line, with its type."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


class ReproError(Exception):
    """Base of these failures. The message names the file, the field and the fix."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback: IPython calls this method if an exception has it."""
        return [error_line(str(self))]


class SpecError(ReproError):
    """A spec that cannot be read, or describes something impossible."""


class DataError(ReproError):
    """A data set that is missing, damaged, or another than expected."""


class RunError(ReproError):
    """A run folder or device that cannot be used as asked."""


class LostRankError(RunError):
    """Another rank of the run has stopped. The process should end at once: threads of the group may block its exit."""


class DismissedError(ReproError):
    """Raised on the other ranks when one fails: they exit with 1 silently, while the failing rank prints its error."""
