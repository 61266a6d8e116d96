"""Simulates groups of runs and writes the tables of docs/statistics.md: how often intervals and verdicts are right.

    .venv/bin/python docs/simulate.py        # about three minutes; --groups 2000 for a quick look

It calls the functions of resnet_repro/analysis/noise.py, on arrays with a value for each simulated group. For the seeds
that are added as a verdict advises, it takes one group after the other.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.more_seeds import MOST_SEEDS, seeds_needed
from resnet_repro.analysis.noise import (
    CHANCE,
    PUBLISHED,
    UNKNOWN,
    Known,
    Spread,
    error_of,
    half_width,
    interval,
    moderated,
    pooled,
    spread_of,
    two_sided_p,
)

Array = npt.NDArray[np.floating[Any]]
PAGE = Path(__file__).parent / "statistics.md"
BEGIN, END = "<!-- simulation -->", "<!-- /simulation -->"
ADVISED_BEGIN, ADVISED_END = "<!-- advised -->", "<!-- /advised -->"
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
NOISIER = {1.0: "equal", 3.0: "one net 3 times as noisy", 10.0: "one net 10 times as noisy"}
ADVISED_FROM = (2, 3)  # seeds of each of two nets, before any are added
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
        for noisier, spreads in NOISIER.items():
            for seeds, counts in SEEDS.items():
                if noisier > 3 and (papers or any(1 in pair for pair in counts)):
                    continue  # single runs fall short already where a net is 3 times as noisy
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


class Advised(NamedTuple):
    """Two nets of equal means: the share of false verdicts at once, and after adding seeds as often as advised."""

    at_once: float
    in_the_end: float


def advised(papers: bool, noisier: float, start: int, groups: int, std: float = 0.3, seed: int = 0) -> Advised:
    """Add seeds as an inconclusive verdict advises, until there is another verdict or no more advice."""
    random = np.random.default_rng(seed)
    decided = [_first_verdict(random, papers, (std * noisier, std), start) for _ in range(groups)]
    return Advised(sum(looks == 1 for looks in decided) / groups, sum(looks > 0 for looks in decided) / groups)


def _first_verdict(random: np.random.Generator, papers: bool, stds: Sequence[float], start: int) -> int:
    """The look at the results, from 1, at which the interval of the difference leaves out zero; 0 if none does."""
    values = [list(random.normal(0, std, start)) for std in stds]
    for look in range(1, MOST_SEEDS):
        estimates = [estimate(one) for one in values]
        own = [spread_of(one) for one in estimates]
        known = [Known(own[net], (own[1 - net],), PUBLISHED if papers else UNKNOWN) for net in (0, 1)]
        if (found := interval(estimates, known)) and abs(found.value) > found.half_width:
            return look
        distance = abs(estimates[0].mean - estimates[1].mean)
        needed = seeds_needed(known, [one.n for one in estimates], (False, False), distance, CHANCE)
        if needed is None:
            return 0
        for one, std in zip(values, stds, strict=True):
            one += list(random.normal(0, std, max(0, needed - len(one))))
    return 0


def advised_rows() -> list[tuple[str, bool, float, int]]:
    """The rows of the second table: their names, and the arguments of `advised`."""
    return [(f"{where} | {NOISIER[noisier]} | {start} each", papers, noisier, start)
            for where, papers in (("other conditions", False), ("the papers' conditions", True))
            for noisier in (1.0, 3.0) for start in ADVISED_FROM]  # fmt: skip


def advised_table(groups: int) -> str:
    """What adding seeds as advised does to false verdicts, as Markdown."""
    lines = ["| runs under | true spreads | seeds at first | false verdicts at once | in the end |", "|" + " --- |" * 5]
    for name, papers, noisier, start in advised_rows():
        rates = advised(papers, noisier, start, groups)
        lines.append(f"| {name} | {100 * rates.at_once:.1f} % | {100 * rates.in_the_end:.1f} % |")
    return "\n".join(lines)


def _where(cell: Cell) -> str:
    return f"spread {cell.std:g}, {len(cell.counts)} nets"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Simulate the intervals and verdicts, and renew docs/statistics.md.")
    parser.add_argument("--groups", type=int, default=GROUPS, help="simulated groups in each cell")
    chosen = parser.parse_args(arguments)
    page = PAGE.read_text()
    for begin, made, end in (
        (BEGIN, table(chosen.groups), END),
        (ADVISED_BEGIN, advised_table(chosen.groups // 5), ADVISED_END),
    ):
        head, rest = page.split(begin)
        page = f"{head}{begin}\n{made}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(page)
    print(PAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
