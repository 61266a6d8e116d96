"""Finds how many runs side by side a GPU trains fastest, by measurement while they train."""

from typing import NamedTuple

WINDOW_SECONDS = 5.0  # how long each number of runs is measured
GAIN = 1.05  # by which twice as many runs must at least be faster in total
MEMORY_SHARE = 0.9  # of the free memory may be planned for: some runs need more than others


class Mark(NamedTuple):
    """How many images a run had trained on, and when."""

    seconds: float
    images: float


class Growth:
    """Allows one run on a device, then two, then four, while each doubling trains 5 % more images a second in total.

    It measures the real runs, so no work is lost: after a doubling that did not pay, the surplus runs train to their
    end and are not replaced. The caller gives all times. `unit` follows "images/s" in messages.
    """

    def __init__(self, device: str, most: int, unit: str = "") -> None:
        self.device, self.most, self.unit = device, most, unit
        self.allowed = 1
        self.found = most == 1
        self.running: set[str] = set()
        self.room = 0  # further runs that the memory of the device could hold
        self.rates: dict[int, float] = {}  # images a second, by the number of runs
        self._first: dict[str, Mark] = {}
        self._last: dict[str, Mark] = {}

    def started(self, run: str) -> None:
        self.running.add(run)
        self._measure_anew()

    def ended(self, run: str) -> None:
        self.running.discard(run)
        self._measure_anew()

    def has_memory(self, free: int, held: int) -> None:
        """Take the free memory of the device and the memory that all its runs hold, in bytes."""
        self.room = int(MEMORY_SHARE * free * len(self.running) / max(held, 1))

    def trained(self, run: str, images: float, seconds: float) -> str:
        """Take the number of images that `run` has trained on, at a time in seconds.

        Returns the result in words once the best number of runs is found, else "".
        """
        if self.found or run not in self.running:
            return ""
        self._last[run] = Mark(seconds, images)
        if len(self._last) < self.allowed or len(self.running) != self.allowed:
            return ""  # not all of them train yet
        if not self._first:
            self._first = dict(self._last)
        spans = [(self._first[name], self._last[name]) for name in self.running]
        if any(last.seconds - first.seconds < WINDOW_SECONDS for first, last in spans):
            return ""
        self._decide(sum((last.images - first.images) / (last.seconds - first.seconds) for first, last in spans))
        self._measure_anew()
        return self._words() if self.found else ""

    def _measure_anew(self) -> None:
        self._first, self._last = {}, {}

    def _decide(self, rate: float) -> None:
        best = max(self.rates, default=0)  # the last number paid, else the search would have ended
        self.rates[self.allowed] = rate
        if best and rate < GAIN * self.rates[best]:
            self.allowed, self.found = best, True
            return
        more = min(2 * self.allowed, self.most, self.allowed + self.room)
        self.found = more == self.allowed
        self.allowed = more

    def _words(self) -> str:
        """The result, such as "2 runs side by side on cuda:0: 33,000 images/s; 1 gave 20,000, 4 gave 33,500"."""
        runs = "1 run at a time" if self.allowed == 1 else f"{self.allowed} runs side by side"
        others = ", ".join(f"{count} gave {rate:,.0f}" for count, rate in self.rates.items() if count != self.allowed)
        found = f"{runs} on {self.device}: {self.rates[self.allowed]:,.0f} images/s{self.unit}"
        return f"{found}; {others}" if others else found
