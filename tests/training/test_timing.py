"""Timing in turn, with made-up steps and a made-up clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from resnet_repro.training.timing import Contender, always, interleaved


class Machine:
    """A machine whose clock moves only in steps, and which logs steps and synchronisations."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def step(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.log.append(name)
            self.now += seconds

        return run

    def synchronize(self) -> None:
        self.log.append("|")


def test_contenders_take_turns_and_the_first_round_is_not_counted() -> None:
    machine = Machine()
    begun: list[int] = []
    contenders = {"ours": always(machine.step("o", 1.0), 2.0), "baseline": always(machine.step("b", 4.0), 2.0)}
    timings = interleaved(contenders, 2, machine.synchronize, lambda: machine.now, begun.append)
    warm_up, measured = "o|o|b|b|", "o|oo|b|b|"  # each turn: an untimed step, then the timed ones
    assert "".join(machine.log) == warm_up + 2 * measured
    assert begun == [0, 1, 2]
    assert (timings["ours"].steps, timings["ours"].step_seconds) == (2, [1.0, 1.0])
    assert (timings["baseline"].steps, timings["baseline"].step_seconds) == (1, [4.0, 4.0])


def test_the_median_is_of_the_rounds() -> None:
    times = iter([9.0, 9.0, 9.0, 1.0, 9.0, 30.0, 9.0, 2.0])  # of each round an untimed and a timed step
    now = 0.0

    def step() -> None:
        nonlocal now
        now += next(times)

    timing = interleaved({"ours": always(step, 1.0)}, 3, clock=lambda: now)["ours"]
    assert timing.step_seconds == [1.0, 30.0, 2.0]
    assert timing.median == 2.0


def test_opening_and_closing_a_turn_is_not_timed() -> None:
    machine = Machine()

    @contextmanager
    def turn() -> Iterator[Callable[[], None]]:
        machine.now += 100
        yield machine.step("s", 1.0)
        machine.now += 100
        machine.log.append("closed")

    timing = interleaved({"ours": Contender(turn, 1.0)}, 1, clock=lambda: machine.now)["ours"]
    assert timing.step_seconds == [1.0]
    assert machine.log.count("closed") == 2


@pytest.mark.parametrize(("turn_seconds", "steps"), [(0.0, 1), (0.2, 1), (3.4, 3), (1e9, 10_000)])
def test_a_turn_has_as_many_steps_as_fit_into_its_seconds(turn_seconds: float, steps: int) -> None:
    machine = Machine()
    contenders = {"ours": always(machine.step("s", 1.0), turn_seconds)}
    assert interleaved(contenders, 1, clock=lambda: machine.now)["ours"].steps == steps
