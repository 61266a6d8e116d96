"""Makes measurements one after another within a given time; one that fails does not stop the others."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from resnet_repro.errors import summary_of


class Part(NamedTuple):
    """A measurement, and the least time that it needs."""

    name: str
    least_seconds: float  # the part is left out if less time is left
    measure: Callable[[], None]


def work_off(
    parts: Iterable[Part],
    seconds: float,
    found: dict[str, Any],
    keep: Callable[[dict[str, Any]], object],
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Measure the parts in order. Each adds to `found`, which goes to `keep` after every part, so a kill loses little.

    `found["failures"]` lists the parts that failed and why, `found["left_out"]` those for which no time was left, and
    `found["notices"]` the package's warnings meanwhile, such as why a step was not captured. `say` gets progress lines.
    """
    found |= {"budget_seconds": seconds, "elapsed_seconds": 0.0, "failures": [], "left_out": [], "notices": []}
    began = clock()
    with _noticing(found["notices"]):
        for part in parts:
            started = clock()
            if seconds - (started - began) < part.least_seconds:
                found["left_out"].append(part.name)
                continue
            outcome = "done"
            try:
                part.measure()
            except Exception as error:
                cause = summary_of(error)
                found["failures"].append({"part": part.name, "cause": cause})
                outcome = f"failed: {cause}"
            found["elapsed_seconds"] = clock() - began
            say(f"{part.name}: {outcome}, {clock() - started:.1f} s")
            keep(found)
    keep(found)


class _Keeper(logging.Handler):
    """Adds the text of each warning to a list."""

    def __init__(self, notices: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.notices = notices

    def emit(self, record: logging.LogRecord) -> None:
        self.notices.append(record.getMessage())


@contextmanager
def _noticing(notices: list[str]) -> Iterator[None]:
    handler = _Keeper(notices)
    logger = logging.getLogger("resnet_repro")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
