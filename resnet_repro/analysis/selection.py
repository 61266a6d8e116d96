"""Which of the runs below some folders are shown: those of some nets, with some seeds."""

from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from resnet_repro.errors import RunError
from resnet_repro.nearest import did_you_mean, first_of, nearest
from resnet_repro.spec import Experiment

MOST_NAMED = 12  # names that a message lists if none is near


class Selection(NamedTuple):
    """Names of nets as in their specs, or globs such as quick/*, and seeds. What is empty chooses all."""

    nets: Sequence[str] = ()
    seeds: Collection[int] = ()

    def has(self, experiment: Experiment) -> bool:
        """Whether a run of this experiment is chosen."""
        named = not self.nets or any(is_named(experiment, net) for net in self.nets)
        return named and (not self.seeds or experiment.seed in self.seeds)

    def check(self, found: Collection[Experiment], notice: Callable[[str], object]) -> None:
        """Raise RunError if a name fits none of the experiments that were found, or if no run is chosen.

        `notice` is called with a line about seeds that none of the chosen nets has.
        """
        names = sorted({experiment.name for experiment in found})
        if unknown := [net for net in self.nets if not any(is_named(experiment, net) for experiment in found)]:
            raise RunError(f"--nets {','.join(unknown)}: no run here is of such a net{others_named(unknown, names)}")
        seeds = {experiment.seed for experiment in found if self._replace(seeds=()).has(experiment)}
        if absent := sorted(set(self.seeds) - seeds):
            text = f"--seeds: no run of these nets has seed {first_of(absent, MOST_NAMED)}"
            if len(absent) == len(set(self.seeds)):
                raise RunError(f"{text}; there are {first_of(sorted(seeds), MOST_NAMED)}")
            notice(text)


def is_named(experiment: Experiment, net: str) -> bool:
    """Whether a net goes by this name, or its name fits this glob."""
    return fnmatchcase(experiment.name, net)


def others_named(unknown: Iterable[str], names: Sequence[str]) -> str:
    """The end of a message about names that no net has: the nearest names and globs, or the names that there are."""
    near = [hint for net in unknown for hint in nearest(net, [*names, *_folders(names)])]
    return did_you_mean(list(dict.fromkeys(near))) or f"; there are {first_of(names, MOST_NAMED)}"


def _folders(names: Iterable[str]) -> list[str]:
    """The globs that choose all nets of a suite: quick/*."""
    return sorted({f"{name.rpartition('/')[0]}/*" for name in names if "/" in name})
