"""Finds the figures of results folders, which `plot` has drawn as PNG."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from resnet_repro.errors import RunError, printable
from resnet_repro.files import read_bytes
from resnet_repro.record.run import FIGURES

MOST_PICTURES = 100
LARGEST_PICTURE = 5_000_000  # bytes; ours have at most 300,000
MOST_PIXELS = 50_000_000
SIGNATURE, END = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"IEND\xaeB`\x82"


class Picture(NamedTuple):
    """A PNG file, its name without the ending, after that of its results folder if it is not the logged one itself."""

    name: str
    content: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return int.from_bytes(self.content[16:20]), int.from_bytes(self.content[20:24])


def picture_paths(results: Sequence[Path], runs: Iterable[Path]) -> dict[Path, str]:
    """The PNG files of the folders `figures` beside these runs and above them, up to the results, with their names."""
    folders: dict[Path, str] = {}
    for root in results:
        inside = {parent for run in runs if run.is_relative_to(root) for parent in run.parents}
        for folder in [root, *sorted(folder for folder in inside if folder.is_relative_to(root) and folder != root)]:
            relative = folder.relative_to(root).as_posix()
            folders.setdefault(folder / FIGURES, FIGURES if relative == "." else relative)
    found = {path: f"{name}/{path.stem}" for folder, name in folders.items() for path in sorted(folder.glob("*.png"))}
    return dict(list(found.items())[:MOST_PICTURES])


def read_pictures(paths: dict[Path, str], notice: Callable[[str], object]) -> list[Picture]:
    """The pictures that can be read; `notice` is called with a line for each of the others."""
    found = []
    for path, name in paths.items():
        try:
            picture = Picture(printable(name), read_bytes(path, LARGEST_PICTURE))
            width, height = picture.size
            if not picture.content.startswith(SIGNATURE) or not 0 < width * height <= MOST_PIXELS:
                raise RunError(f"{path}: is not a PNG picture of at most {MOST_PIXELS:,} pixels")
            if not picture.content.endswith(END):
                raise RunError(f"{path}: is cut")
            found.append(picture)
        except RunError as error:
            notice(f"{error}; it is left out")
    return found
