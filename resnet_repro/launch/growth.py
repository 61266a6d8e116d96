"""How many runs side by side suit a GPU: found by measurement, while the runs train."""

from typing import NamedTuple

WINDOW_SECONDS = 5.0  # for which each number of runs is measured
GAIN = 1.05  # what twice as many runs must bring at least
MEMORY_SHARE = 0.9  # of the free memory, as runs do not all need the same


class Mark(NamedTuple):
    """How far a run had come, and when."""

    seconds: float
    images: float


class Growth:
    """Allows one run on a device, then two, then four, as long as that trains over 5 % more images a second in total.

    The runs measured are the true ones, and nothing they do is lost: where the last doubling did not pay, the surplus
    runs train to their end, and no other takes their place. All times come from the caller.
    """

    def __init__(self, device: str, most: int, counted: str = "") -> None:
        self.device, self.most, self.counted = device, most, counted
        self.allowed = 1
        self.found = most == 1
        self.running: set[str] = set()
        self.room = 0  # how many runs more the memory of the device could hold
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
        """Bytes that are free on the device, and those that the running runs hold together."""
        self.room = int(MEMORY_SHARE * free * len(self.running) / max(held, 1))

    def trained(self, run: str, images: float, seconds: float) -> str:
        """Told that a run has come to so many images by now. Returns what was found, in words, when it is."""
        if self.found or run not in self.running:
            return ""
        self._last[run] = Mark(seconds, images)
        if len(self._last) < self.allowed or len(self.running) != self.allowed:
            return ""  # some do not train yet
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
        best = max(self.rates, default=0)  # each was better than the one before
        self.rates[self.allowed] = rate
        if best and rate < GAIN * self.rates[best]:
            self.allowed, self.found = best, True
            return
        more = min(2 * self.allowed, self.most, self.allowed + self.room)
        self.found = more == self.allowed
        self.allowed = more

    def _words(self) -> str:
        """ "4 runs side by side on cuda:0: 41,000 images/s; 2 gave 33,000, 8 gave 40,500" """
        runs = "1 run at a time" if self.allowed == 1 else f"{self.allowed} runs side by side"
        others = ", ".join(f"{count} gave {rate:,.0f}" for count, rate in self.rates.items() if count != self.allowed)
        found = f"{runs} on {self.device}: {self.rates[self.allowed]:,.0f} images/s{self.counted}"
        return f"{found}; {others}" if others else found
