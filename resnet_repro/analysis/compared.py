"""Finds the nets that are to be compared: by the names of their specs, by their run folders, or by results folders."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from resnet_repro.analysis.groups import Entry, Group, comparable_groups
from resnet_repro.analysis.loading import load_runs
from resnet_repro.analysis.selection import MOST_NAMED, is_named, others_named
from resnet_repro.errors import RunError
from resnet_repro.nearest import first_of
from resnet_repro.record.finding import find_runs
from resnet_repro.record.run import Run


class Net(NamedTuple):
    """A net that was chosen: its runs, and the group of all that were read under the same conditions, with it in it."""

    name: str  # of its spec; with more if several nets would have that name
    entry: Entry
    group: Group


Compared = tuple[Net, tuple[Net, ...]]  # the base, and what is compared with it


class _Chosen(NamedTuple):
    """Some or all runs of a net of a group."""

    group: Group
    entry: Entry
    runs: tuple[Run, ...]
    asked: Run  # the first of them, or its repeat if that was asked for, by whose name the net then goes


def select(base: str | Path, others: Sequence[str | Path], results: Path, notice: Callable[[str], object]) -> Compared:
    """The nets of these names, globs or folders. Names are looked for below `results`.

    All runs of the same spec are one net, also under several names, as `--vary` may give it. A text that stands for
    several nets stands for those other than the base. Raises RunError if a name is unknown or a folder holds no runs,
    if the base is several nets, or if there is nothing to compare it with.
    """
    runs = _read([base, *others], results, notice)
    groups = comparable_groups(runs)
    chosen = _base(base, _nets(_runs_of(Path(base), runs, results), groups))
    found: list[_Chosen] = []
    for text in others:
        nets = _nets(_runs_of(Path(text), runs, results), groups)
        if len(nets) == 1 and nets[0].entry is chosen.entry:
            raise RunError(f"{text}: is the same net as {base} (their specs are equal); name another one")
        found += nets
    return _named(chosen, found)


def select_from(runs: Sequence[Run], base: str | Path) -> Compared:
    """The net of this name, or in this folder, and all others among the runs. Raises RunError as `select` does."""
    groups = comparable_groups(runs)
    chosen = _base(base, _nets(_runs_of(Path(base), runs, Path()), groups))
    return _named(chosen, _nets([(run, run) for run in runs], groups))


def _base(text: str | Path, nets: Sequence[_Chosen]) -> _Chosen:
    if len(nets) > 1:
        names = first_of(sorted(_names(nets)), MOST_NAMED)
        raise RunError(f"{text}: holds several nets ({names}); name one of them as the base")
    return nets[0]


def _named(base: _Chosen, others: Iterable[_Chosen]) -> Compared:
    """The base and each of the other nets once, with all runs that were asked for, under names that tell them apart."""
    kept = {base.entry: base}
    for one in others:
        before = kept.setdefault(one.entry, one)
        if before is not base:
            asked = set(map(id, (*before.runs, *one.runs)))
            kept[one.entry] = before._replace(runs=tuple(run for run in one.entry.runs if id(run) in asked))
    names = _names([*kept.values()])
    if len(kept) == 1:
        raise RunError(f"{names[0]}: there is no other net to compare it with; name another one")
    nets = []
    for name, one in zip(names, kept.values(), strict=True):
        entry = Entry(name, one.runs)
        group = one.group.only([entry if other is one.entry else other for other in one.group.entries])
        nets.append(Net(name, entry, group))
    return nets[0], tuple(nets[1:])


def _names(nets: Sequence[_Chosen]) -> list[str]:
    """The names of their specs; for nets of equal name their folders, or those of their runs."""
    firsts = [net.asked for net in nets]
    names = [run.experiment.name for run in firsts]
    for others in ([run.experiment_path for run in firsts], [run.path for run in firsts]):
        names = [path.as_posix() if names.count(name) > 1 else name for name, path in zip(names, others, strict=True)]
    return names


def _read(texts: Iterable[str | Path], results: Path, notice: Callable[[str], object]) -> list[Run]:
    """The runs of the folders among `texts`, and all below `results` if a text is a name or a folder in there."""
    inside = set(map(os.path.realpath, find_runs(results)))
    folders = {Path(text): set(map(os.path.realpath, _run_folders(Path(text)))) for text in texts}
    outside = [folder for folder, found in folders.items() if found - inside]
    is_needed = any(not found or found & inside for found in folders.values())
    return load_runs(*[results] * is_needed, *outside, notice=notice)


def _run_folders(path: Path) -> list[Path]:
    return find_runs(path) if os.path.isdir(path) else []


def _runs_of(text: Path, runs: Sequence[Run], results: Path) -> list[tuple[Run, Run]]:
    """The runs that a text stands for: those in the folder of this path, of this name, or in this folder of `results`.

    Beside each is the one that was asked for: the run itself, or a repeat in whose place it was kept.
    """
    several = [(run, one) for run in runs for one in (run, *run.repeats)]
    folders = _run_folders(text)
    if not folders:
        if found := [(run, one) for run, one in several if is_named(one.experiment, text.as_posix())]:
            return found
        folders = _run_folders(results / text)
    wanted = set(map(os.path.realpath, folders))
    if found := [(run, one) for run, one in several if os.path.realpath(one.path) in wanted]:
        return found
    if folders:
        raise RunError(f"{text}: none of its runs can be read")
    if os.path.isdir(text):
        raise RunError(f"{text}: there is no run in this folder")
    hint = others_named([text.as_posix()], sorted({run.experiment.name for run in runs}))
    raise RunError(f"{text}: no net of this name was trained, and there is no such folder{hint}")


def _nets(found: Iterable[tuple[Run, Run]], groups: Sequence[Group]) -> list[_Chosen]:
    """The nets of these runs, whose other runs are left out."""
    asked: dict[int, Run] = {}
    for run, one in found:
        asked.setdefault(id(run), one)
    return [
        _Chosen(group, entry, chosen, asked[id(chosen[0])])
        for group in groups
        for entry in group.entries
        if (chosen := tuple(run for run in entry.runs if id(run) in asked))
    ]
