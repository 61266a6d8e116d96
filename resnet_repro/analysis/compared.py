"""Finds the nets that are to be compared: by the names of their specs, by their run folders, or by results folders."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from resnet_repro.analysis.groups import Entry, Group, comparable_groups
from resnet_repro.analysis.loading import load_runs
from resnet_repro.errors import RunError
from resnet_repro.nearest import did_you_mean, first_of, nearest
from resnet_repro.record.finding import find_runs
from resnet_repro.record.run import Run

MOST_NAMES = 8  # that a message lists


class Net(NamedTuple):
    """A net that was chosen: its runs, and the group of all that were read under the same conditions, with it in it."""

    name: str  # of its spec; with more if several nets would have that name
    entry: Entry
    group: Group


Compared = tuple[Net, tuple[Net, ...]]  # the base, and what is compared with it


def select(base: str | Path, others: Sequence[str | Path], results: Path, notice: Callable[[str], object]) -> Compared:
    """The nets of these names or folders. Names are looked for below `results`.

    Raises RunError if a name is unknown or a folder holds no runs, if the base is several nets, or if there is nothing
    to compare it with.
    """
    runs = _read([base, *others], results, notice)
    groups = comparable_groups(runs)
    found = [_nets(_runs_of(Path(text), runs, results), groups) for text in (base, *others)]
    if len(found[0]) > 1:
        names = sorted({net.name for net in named(found[0])})
        raise RunError(f"{base}: holds several nets ({first_of(names, MOST_NAMES)}); name one of them as the base")
    chosen = found[0][0]
    others_of = [[net for net in nets if len(nets) == 1 or _spec(net) != _spec(chosen)] for nets in found[1:]]
    return _without_repetitions(chosen, [net for nets in others_of for net in nets])


def select_from(runs: Sequence[Run], base: str | Path) -> Compared:
    """The net of this name, or in this folder, and all others among the runs. Raises RunError as `select` does."""
    groups = comparable_groups(runs)
    found = _nets(_runs_of(Path(base), runs, Path()), groups)
    if len(found) > 1:
        raise RunError(f"{base}: stands for several nets among the runs; leave the runs of one")
    others = [Net(entry.name, entry, group) for group in groups for entry in group.entries]
    return _without_repetitions(found[0], [net for net in others if _spec(net) != _spec(found[0])])


def _spec(net: Net) -> object:
    """What is equal for all seeds of a net."""
    run = net.entry.runs[0]
    return run.experiment.model_copy(update={"name": "", "seed": 0}), run.precision, run.digest, run.data_name


def _without_repetitions(base: Net, others: Sequence[Net]) -> Compared:
    """The nets, each once, under names that tell them apart."""
    kept: list[Net] = [base]
    for net in others:
        runs = set(map(id, net.entry.runs))
        if not any(runs == set(map(id, other.entry.runs)) for other in kept):
            kept.append(net)
    if len(kept) == 1:
        raise RunError(f"{named(kept)[0].name}: there is no other net to compare it with; name another one")
    first, *rest = named(kept)
    return first, tuple(rest)


def named(nets: Sequence[Net]) -> list[Net]:
    """The nets under the names of their specs; those of equal name under their folders, or those of their runs."""
    firsts = [net.entry.runs[0] for net in nets]
    names = [run.experiment.name for run in firsts]
    for others in ([run.experiment_path for run in firsts], [run.path for run in firsts]):
        names = [path.as_posix() if names.count(name) > 1 else name for name, path in zip(names, others, strict=True)]
    entries = [Entry(name, net.entry.runs) for name, net in zip(names, nets, strict=True)]
    return [
        Net(entry.name, entry, _replacing(net.group, net.entry, entry))
        for net, entry in zip(nets, entries, strict=True)
    ]


def _replacing(group: Group, old: Entry, new: Entry) -> Group:
    return group.only([new if entry is old else entry for entry in group.entries])


def _read(texts: Iterable[str | Path], results: Path, notice: Callable[[str], object]) -> list[Run]:
    """The runs of the folders among `texts`, and all below `results` if a text is a name or a folder in there."""
    inside = set(map(os.path.realpath, find_runs(results)))
    folders = {Path(text): set(map(os.path.realpath, _run_folders(Path(text)))) for text in texts}
    outside = [folder for folder, found in folders.items() if found - inside]
    is_needed = any(not found or found & inside for found in folders.values())
    return load_runs(*[results] * is_needed, *outside, notice=notice)


def _run_folders(path: Path) -> list[Path]:
    return find_runs(path) if os.path.isdir(path) else []


def _runs_of(text: Path, runs: Sequence[Run], results: Path) -> list[Run]:
    """The runs that a text stands for: those in the folder of this path, of this name, or in this folder of `results`.

    A run also counts if it was kept in place of one of these, which repeats it.
    """
    folders = _run_folders(text)
    if not folders:
        if found := [run for run in runs if any(text.as_posix() == one.experiment.name for one in (run, *run.repeats))]:
            return found
        folders = _run_folders(results / text)
    wanted = set(map(os.path.realpath, folders))
    if found := [run for run in runs if any(os.path.realpath(one.path) in wanted for one in (run, *run.repeats))]:
        return found
    if folders:
        raise RunError(f"{text}: none of its runs can be read")
    if os.path.isdir(text):
        raise RunError(f"{text}: there is no run in this folder")
    names = sorted({run.experiment.name for run in runs})
    hint = did_you_mean(nearest(text.as_posix(), names)) or f"; there are {first_of(names, MOST_NAMES)}"
    raise RunError(f"{text}: no net of this name was trained, and there is no such folder{hint}")


def _nets(runs: Sequence[Run], groups: Sequence[Group]) -> list[Net]:
    """The nets of these runs, whose other runs are left out."""
    wanted = set(map(id, runs))
    found = []
    for group in groups:
        for entry in group.entries:
            if chosen := tuple(run for run in entry.runs if id(run) in wanted):
                part = Entry(entry.name, chosen)
                found.append(Net(entry.name, part, _replacing(group, entry, part)))
    return found
