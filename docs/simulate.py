"""Simulates groups of runs and writes the table of docs/statistics.md: how often intervals and verdicts are right.

    .venv/bin/python docs/simulate.py        # about a minute; --groups 2000 for a quick look

It calls the functions of resnet_repro/analysis/noise.py, on arrays with a value for each simulated group.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from resnet_repro.analysis.noise import (
    CHANCE,
    PUBLISHED,
    UNKNOWN,
    Spread,
    error_of,
    half_width,
    moderated,
    pooled,
    two_sided_p,
)

Array = npt.NDArray[np.floating[Any]]
PAGE = Path(__file__).parent / "statistics.md"
BEGIN, END = "<!-- simulation -->", "<!-- /simulation -->"
GROUPS = 20_000  # in each cell
STDS = (0.1, 0.16, 0.3, 1.0, 3.0)
NEAR = 3  # how many of them are near the published spread
NETS = (2, 3, 4, 5)
# The seeds of a group's first net, and of each other one.
SEEDS: dict[str, list[tuple[int, int]]] = {
    **{f"{seeds} each": [(seeds, seeds)] for seeds in range(1, 6)},
    "1, the others 2 to 5": [(1, seeds) for seeds in (2, 3, 5)],
    "2, the others 5": [(2, 5)],
}
LEAST_COVERAGE, MOST_FALSE = 0.93, CHANCE


class Cell(NamedTuple):
    """One kind of group: all nets have the same mean, so that every verdict on their order is false."""

    papers: bool  # whether the published spread counts
    noisier: float  # the first net's spread as a multiple of the others'
    counts: tuple[int, ...]  # of seeds of each net
    std: float  # the true spread between seeds of all nets but the first


class Rates(NamedTuple):
    coverage: float  # of the 95 % interval of the difference of the first two nets
    false_verdicts: float  # of claims that the nets rise, or fall, from one to the next


def simulate(cell: Cell, groups: int, seed: int = 0) -> Rates | None:
    """The rates of one cell; None if no spread is known there, so that there is no interval and no verdict."""
    stds = [cell.std * cell.noisier, *[cell.std] * (len(cell.counts) - 1)]
    random = np.random.default_rng(seed)
    means = [random.normal(0, std / count**0.5, groups) for std, count in zip(stds, cell.counts, strict=True)]
    own = [_own(random, std, count, groups) for std, count in zip(stds, cell.counts, strict=True)]
    spreads = [
        moderated(one, pooled([*own[:net], *own[net + 1 :], PUBLISHED if cell.papers else UNKNOWN]))
        for net, one in enumerate(own)
    ]
    if not all(np.all(spread.freedom > 0) for spread in spreads):
        return None
    pairs = list(zip(range(len(means) - 1), range(1, len(means)), strict=True))
    errors = [error_of([spreads[a], spreads[b]], [cell.counts[a], cell.counts[b]]) for a, b in pairs]
    differences = np.stack([means[a] - means[b] for a, b in pairs])
    covered = np.abs(differences[0]) < half_width(errors[0])
    p_values = np.stack([two_sided_p(difference, error) for difference, error in zip(differences, errors, strict=True)])
    return Rates(float(covered.mean()), _false_verdicts(differences, p_values))


def _own(random: np.random.Generator, std: float, count: int, groups: int) -> Spread:
    """The spreads that `count` seeds show."""
    if count == 1:
        return UNKNOWN
    freedom = count - 1
    return Spread(std**2 * random.chisquare(freedom, groups) / freedom, float(freedom))


def _false_verdicts(differences: Array, p_values: Array) -> float:
    """The share of groups in which a claim of falling values is contradicted or reproduced.

    It is contradicted if a rise passes the first of Holm's levels; the later ones add nothing to that.
    """
    falls = differences > 0
    contradicted = (~falls & (p_values < CHANCE / len(p_values))).any(axis=0)
    reproduced = (falls & (p_values < CHANCE)).all(axis=0)
    return float((contradicted | reproduced).mean())


def cells() -> Iterator[tuple[str, list[Cell]]]:
    """The rows of the table, each with its cells."""
    for papers in (False, True):
        where = "the papers' conditions" if papers else "other conditions"
        for noisier, spreads in ((1.0, "equal"), (3.0, "one net 3 times as noisy")):
            for seeds, counts in SEEDS.items():
                single = papers and any(1 in pair for pair in counts)  # whose spread is supposed to be 0.16
                for stds in (STDS[:NEAR], STDS[NEAR:]) if single else (STDS,):
                    name = f"{where} | {spreads}{f', {stds[0]:g} to {stds[-1]:g}' if single else ''} | {seeds}"
                    yield name, [Cell(papers, noisier, (first, *(other,) * (nets - 1)), std)
                                 for first, other in counts for nets in NETS for std in stds]  # fmt: skip


def table(groups: int) -> str:
    """The worst cell of each row, as Markdown; ✗ where it is worse than promised, beyond the simulation's own error."""
    lines = ["| runs under | true spreads | seeds | coverage | at | false verdicts | at | |", "|" + " --- |" * 8]
    for name, row in cells():
        found = [(cell, rates) for cell in row if (rates := simulate(cell, groups))]
        if not found:
            lines.append(f"| {name} | no interval | | 0 % | | |")
            continue
        covered = min(found, key=lambda pair: pair[1].coverage)
        false = max(found, key=lambda pair: pair[1].false_verdicts)
        chance = 3 * (MOST_FALSE * (1 - MOST_FALSE) / groups) ** 0.5
        good = covered[1].coverage >= LEAST_COVERAGE and false[1].false_verdicts <= MOST_FALSE + chance
        shown = [name, f"{100 * covered[1].coverage:.1f} %", _where(covered[0]),
                 f"{100 * false[1].false_verdicts:.1f} %", _where(false[0]), "" if good else "✗"]  # fmt: skip
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


def _where(cell: Cell) -> str:
    return f"spread {cell.std:g}, {len(cell.counts)} nets"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Simulate the intervals and verdicts, and renew docs/statistics.md.")
    parser.add_argument("--groups", type=int, default=GROUPS, help="simulated groups in each cell")
    chosen = parser.parse_args(arguments)
    simulated = table(chosen.groups)
    head, rest = PAGE.read_text().split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{simulated}\n{END}{tail}")
    print(PAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
