"""`--jobs auto` on a GPU: more runs side by side while that pays, with a made-up clock and made-up speeds."""

from collections.abc import Mapping

import pytest

from resnet_repro.launch.growth import Growth

GB = 10**9


class Device:
    """A GPU that trains `rates[n]` images a second in total with n equal runs, which hold 1 GB each."""

    def __init__(self, growth: Growth, rates: Mapping[int, float], memory: float = 80 * GB) -> None:
        self.growth, self.rates, self.memory = growth, rates, memory
        self.images: dict[str, float] = {}
        self.seconds = 0.0
        self.started = 0
        self.results: list[str] = []

    def fill(self) -> None:
        while len(self.images) < self.growth.allowed:
            name = f"run {self.started}"
            self.started += 1
            self.images[name] = 0.0
            self.growth.started(name)

    def end(self, name: str) -> None:
        del self.images[name]
        self.growth.ended(name)

    def train(self, seconds: float) -> None:
        """Each run reports its images twice a second."""
        for _ in range(round(2 * seconds)):
            self.seconds += 0.5
            for number, name in enumerate(self.images):
                self.images[name] += 0.5 * self.rates[len(self.images)] / len(self.images)
                held = len(self.images) * GB
                self.growth.has_memory(int(self.memory) - held, held)
                found = self.growth.trained(name, self.images[name], self.seconds + 0.01 * number)
                self.results += [found] if found else []


def grown(rates: Mapping[int, float], most: int = 16, memory: float = 80 * GB) -> Device:
    device = Device(Growth("cuda:0", most), rates, memory)
    for _ in range(20):
        device.fill()
        device.train(2.5)
    return device


@pytest.mark.parametrize(
    ("rates", "allowed", "result"),
    [
        (
            {1: 20_000, 2: 33_000, 4: 41_000, 8: 40_500},
            4,
            "4 runs side by side on cuda:0: 41,000 images/s; 1 gave 20,000, 2 gave 33,000, 8 gave 40,500",
        ),
        ({1: 20_000, 2: 20_900}, 1, "1 run at a time on cuda:0: 20,000 images/s; 2 gave 20,900"),
        ({1: 200, 2: 211, 4: 90}, 2, "2 runs side by side on cuda:0: 211 images/s; 1 gave 200, 4 gave 90"),
    ],
)  # fmt: skip
def test_the_number_of_runs_doubles_while_that_pays(rates: dict[int, float], allowed: int, result: str) -> None:
    device = grown(rates)
    assert (device.growth.allowed, device.growth.found) == (allowed, True)
    assert device.results == [result]


def test_no_more_runs_are_tried_than_there_are() -> None:
    device = grown({1: 10, 2: 20, 4: 40, 6: 60}, most=6)
    assert device.growth.allowed == 6
    assert device.started == 6
    assert device.results == ["6 runs side by side on cuda:0: 60 images/s; 1 gave 10, 2 gave 20, 4 gave 40"]


def test_no_more_runs_are_tried_than_fit_into_memory() -> None:
    assert grown({1: 10}, memory=1.9 * GB).results == ["1 run at a time on cuda:0: 10 images/s"]
    assert grown({1: 10, 2: 20}, memory=3 * GB).growth.allowed == 2  # a tenth of the free memory is kept
    assert grown({1: 10, 2: 20, 3: 30}, memory=4 * GB).growth.allowed == 3


def test_one_run_needs_no_search() -> None:
    assert Growth("cuda:0", 1).found


def test_a_number_is_measured_only_while_all_its_runs_train() -> None:
    device = Device(Growth("cuda:0", 2), {1: 100, 2: 150})
    device.fill()
    device.train(4)
    device.end("run 0")  # too early for a measurement
    device.fill()
    device.train(4)
    assert device.growth.rates == {}
    device.train(2)
    assert device.growth.rates == {1: pytest.approx(100)}
    device.growth.started("run 2")  # it does not train yet
    device.train(20)
    assert device.growth.allowed == 2
    assert not device.growth.found
    device.images["run 2"] = 0.0
    device.train(6)
    assert device.growth.rates[2] == pytest.approx(150)
    assert device.results == ["2 runs side by side on cuda:0: 150 images/s; 1 gave 100"]


def test_a_run_that_has_ended_is_not_measured() -> None:
    growth = Growth("cuda:0", 2)
    growth.started("run")
    growth.ended("run")
    assert growth.trained("run", 100.0, 1.0) == ""
    assert not growth.running
