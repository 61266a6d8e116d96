"""What a group of runs tells about the spread of a measure between seeds."""

from collections.abc import Sequence

from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.analysis.measures import MEASURES
from resnet_repro.analysis.noise import PUBLISHED, UNKNOWN, Known, spread_of
from resnet_repro.record.run import Run


def known(group: Group, measure: str, entries: Sequence[Entry]) -> Known:
    """What is known of the spread of the net in `entries`, which were trained alike: its own, and the group's.

    Of the nets beside grown ones, only those count that trained for as long and began alike. The published spread
    counts under the papers' own conditions, for the measure that it is of.
    """
    how = MEASURES[measure]
    measured: dict[object, dict[int, tuple[Run, float]]] = {}
    for entry in (one for one in (*group.entries, *group.beside) if _length(one) == _length(entries[0])):
        for run in entry.finished:
            if (value := how.of(run)) is not None:
                measured.setdefault(_training(entry), {}).setdefault(run.experiment.seed, (run, value))
    spreads = {}
    for net, by_seed in measured.items():
        runs, values = zip(*by_seed.values(), strict=True)
        spreads[net] = spread_of(estimate(values), how.resolution(runs))
    own = spreads.pop(_training(entries[0]), UNKNOWN)
    others = tuple(spread for spread in spreads.values() if spread.freedom)
    return Known(own, others, PUBLISHED if how.is_published and group.condition.is_papers else UNKNOWN)


def _length(entry: Entry) -> tuple[int, bool]:
    """What nets share whose seeds may differ alike: the length of the training, and how it began."""
    return entry.training.steps, entry.start is None


def _training(entry: Entry) -> tuple[object, str, str]:
    """What differs between nets and trainings, but not between seeds or ways of recording."""
    return entry.model, str(entry.recipe), entry.imported
