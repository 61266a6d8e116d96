"""docs/simulate.py and its committed table: what docs/statistics.md says about intervals and verdicts."""

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from conftest import REPOSITORY

GROUPS = 1000
SHOWN = 0.02  # how far the rates of so few groups may lie from those of the committed table


@pytest.fixture(scope="module")
def simulate() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("simulate", REPOSITORY / "docs/simulate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulate"] = module  # where NamedTuple looks for its annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules["simulate"]


@pytest.fixture(scope="module")
def rows(simulate: ModuleType) -> dict[str, list[str]]:
    """The cells of the committed table, by the three that name a row."""
    table = simulate.PAGE.read_text().split(simulate.BEGIN)[1].split(simulate.END)[0].strip().splitlines()
    lines = [line.strip("|").split("|") for line in table[2:]]
    return {"|".join(line[:3]).strip(): [cell.strip() for cell in line[3:]] for line in lines}


def percent(cell: str) -> float:
    return float(cell.removesuffix(" %")) / 100


def test_the_table_has_every_row_of_the_simulation(simulate: ModuleType, rows: dict[str, list[str]]) -> None:
    assert list(rows) == [name for name, _ in simulate.cells()]


def test_a_smaller_simulation_agrees_with_the_table(simulate: ModuleType, rows: dict[str, list[str]]) -> None:
    compared = 0
    for name, row in list(simulate.cells())[::5]:
        shown, found = rows[name], [rates for cell in row if (rates := simulate.simulate(cell, GROUPS, seed=1))]
        if shown[0] == "no interval":
            assert found == []
            continue
        compared += 1
        assert min(rates.coverage for rates in found) == pytest.approx(percent(shown[0]), abs=SHOWN), name
        assert max(rates.false_verdicts for rates in found) == pytest.approx(percent(shown[2]), abs=SHOWN), name
    assert compared > 4


def test_two_or_more_seeds_of_each_net_keep_what_the_page_promises(rows: dict[str, list[str]]) -> None:
    each = {name: shown for name, shown in rows.items() if name.endswith(("2 each", "3 each", "4 each", "5 each"))}
    equal = [shown for name, shown in each.items() if not name.endswith("10 times as noisy | 2 each")]
    assert len(equal) == len(each) - 1 == 19
    assert all(percent(shown[0]) >= 0.93 and percent(shown[2]) <= 0.05 and shown[4] == "" for shown in equal)
    for shown in rows.values():
        if shown[0] != "no interval":
            assert (percent(shown[0]) < 0.93 or percent(shown[2]) > 0.055) is (shown[4] == "✗")


def test_adding_seeds_as_advised_makes_more_verdicts_false_as_the_page_says(simulate: ModuleType) -> None:
    table = simulate.PAGE.read_text().split(simulate.ADVISED_BEGIN)[1].split(simulate.ADVISED_END)[0]
    lines = [line.strip("| ").split(" | ") for line in table.strip().splitlines()[2:]]
    assert [" | ".join(line[:3]) for line in lines] == [name for name, *_ in simulate.advised_rows()]
    assert all(percent(line[3]) < 0.055 and 0.05 < percent(line[4]) < 0.13 for line in lines)
    _, *cell = simulate.advised_rows()[0]
    found = simulate.advised(*cell, 300, seed=1)
    assert found.in_the_end == pytest.approx(percent(lines[0][4]), abs=0.05)
    assert found.at_once < found.in_the_end
