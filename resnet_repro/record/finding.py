"""Finds the run folders below a results folder, as people keep and name them."""

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from resnet_repro.errors import RunError
from resnet_repro.record.run import ENVIRONMENT, METRICS, SPEC, SUMMARY

TEXTS = {SPEC, ENVIRONMENT, SUMMARY, METRICS}  # the files by which a run folder is known
DEEPEST_RUN = 100  # folders below the results; the name of a run has at most 60 parts
MOST_FOLDERS = 100_000  # below the results, which are looked through in seconds
MOST_LINKED = 10_000  # folders that are looked at behind links, which may lead to the root of a disk

log = logging.getLogger(__name__)


def find_runs(results: Path, notice: Callable[[str], object] = log.warning) -> list[Path]:
    """The run folders below `results`, sorted, whatever their names, also those behind links.

    A folder to which several paths lead is found once. `notice` is called with a line for each link that leads nowhere
    and each folder that cannot be read. Raises RunError for too many folders.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    roots, left = [results] if results.exists() else [], MOST_LINKED
    while roots:
        links: list[Path] = []  # followed after the folders, so that a run is rather found at its own place
        for root in sorted(roots):
            ahead = [(root, 0)]
            while ahead and left:
                folder, depth = ahead.pop()
                try:
                    inside = _look_into(folder, seen)
                except OSError as error:
                    if root in (results, folder):
                        notice(f"{folder}: cannot be read and is left out: {error.strerror}")
                    continue
                if root == results and len(seen) > MOST_FOLDERS:
                    raise RunError(f"{results}: holds more than {MOST_FOLDERS:,} folders; name one of them")
                left -= root != results
                links += inside.links
                ahead += [(path, depth + 1) for path in inside.folders if depth < DEEPEST_RUN]
                if inside.is_run:
                    found.append(folder)
            if ahead:
                notice(f"{root}: leads to too many folders, of which some are left out; name the one that holds runs")
                return sorted(found)
        roots = links
    return sorted(found)


class _Inside(NamedTuple):
    """What a folder holds, as far as it matters for finding runs."""

    is_run: bool
    folders: list[Path]
    links: list[Path]


def _look_into(folder: Path, seen: set[tuple[int, int]]) -> _Inside:
    """What is in a folder; nothing if it is a file, or is among `seen`, to which it is added. Raises OSError.

    Links in a run folder are files.
    """
    status = os.stat(folder)
    inside = _Inside(False, [], [])
    if not stat.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) in seen:
        return inside
    seen.add((status.st_dev, status.st_ino))
    texts = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            texts += entry.name in TEXTS
            if entry.is_symlink():
                inside.links.append(folder / entry.name)
            elif entry.is_dir(follow_symlinks=False):
                inside.folders.append(folder / entry.name)
    is_run = _is_run(folder, texts)
    return inside._replace(is_run=is_run, links=[] if is_run else inside.links)


def is_run_folder(folder: Path) -> bool:
    """Whether `find_runs` takes a folder for that of a run."""
    return _is_run(folder, sum(os.path.lexists(folder / name) for name in TEXTS))


def _is_run(folder: Path, texts: int) -> bool:
    """Whether a folder is that of a run: it holds two of the files that a run writes, or one if it is a seed-<k>."""
    return texts >= 2 - folder.name.startswith("seed-")
