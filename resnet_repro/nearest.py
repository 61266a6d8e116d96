"""What a mistyped name may have meant: the names and paths that exist and are nearest to it. Lists in words."""

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

MOST = 3  # names that a message offers
MOST_LOOKED_AT = 10_000  # entries of a folder


def nearest(name: str, known: Iterable[str], most: int = MOST) -> list[str]:
    """The known names that are like `name`, the nearest first. Capitals make no difference."""
    lowered = {other.lower(): other for other in known}
    return [lowered[found] for found in difflib.get_close_matches(name.lower(), lowered, most)]


def nearest_paths(path: Path, is_wanted: Callable[[Path], bool] = os.path.isdir) -> list[Path]:
    """The wanted paths (by default folders) that are like a missing `path`, of which any folder may be mistyped too."""
    found = [Path(path.anchor)]
    names = path.parts[1 if path.anchor else 0 :]
    for depth, name in enumerate(names, start=1):
        fits = is_wanted if depth == len(names) else os.path.isdir
        found = [inside for folder in found for inside in _inside(folder, name, fits)][:MOST]
    return found


def _inside(folder: Path, name: str, fits: Callable[[Path], bool]) -> list[Path]:
    """What is called `name` in a folder if it fits, else what fits and is called nearly so."""
    with suppress(OSError, ValueError):
        if fits(folder / name):
            return [folder / name]
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_LOOKED_AT)]
        return [folder / other for other in nearest(name, names, len(names) or 1) if fits(folder / other)][:MOST]
    return []


def did_you_mean(names: Sequence[object]) -> str:
    """The end of a message about a mistyped name: "; did you mean a, b or c?", or nothing if no name is near."""
    return f"; did you mean {listed([str(name) for name in names], 'or')}?" if names else ""


def listed(items: Sequence[str], word: str = "and") -> str:
    """A list in words: "a, b and c"."""
    return f" {word} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def first_of(values: Sequence[object], most: int) -> str:
    """The first values, and how many more there are: "a, b and 3 more"."""
    more = len(values) - most
    return ", ".join(map(str, values[:most])) + (f" and {more} more" if more > 0 else "")
