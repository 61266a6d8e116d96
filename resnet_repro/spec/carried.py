"""The experiments that the package carries, and how they are found by name: experiments/, which a wheel has inside.

A clone and an editable installation use the folder of the repository, so that there is one copy of each spec.
"""

import logging
import os
import re
from itertools import takewhile
from pathlib import Path

from resnet_repro.errors import RunError, SpecError
from resnet_repro.files import check_within, make_folder, read_text, write_text
from resnet_repro.nearest import did_you_mean, nearest
from resnet_repro.spec.yaml_source import LARGEST_FILE, is_spec, specs_like

FOLDER = "experiments"
SCHEMA = "schema.json"
OVERVIEW = "README.md"  # whose table has a row for each suite: | `quick/` | what it holds | how long a run takes |
ROW = re.compile(r"\| ((?:here|`[\w-]+/`) \| [^|]+ \| [^|]+) \|")
PACKAGE = Path(__file__).parent.parent
ELSEWHERE = "choose another --copy or make room there"

log = logging.getLogger(__name__)


def carried_folder() -> Path:
    """The folder of the carried experiments."""
    inside = PACKAGE / FOLDER
    return inside if inside.is_dir() else PACKAGE.parent / FOLDER


def carried_specs() -> dict[str, Path]:
    """The file of each carried experiment by its name, such as quick/plain20. Those in no suite come first."""
    folder = carried_folder()
    specs = {path.relative_to(folder).with_suffix("").as_posix(): path for path in filter(is_spec, folder.rglob("*"))}
    return dict(sorted(specs.items(), key=_by_suite_and_depth))


def _by_suite_and_depth(spec: tuple[str, Path]) -> tuple[str, list[str | int]]:
    suite, _, name = spec[0].rpartition("/")
    return suite, [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def carried_names() -> dict[str, Path]:
    """Every name that a command accepts in place of a path: those of experiments, and of suites, which are folders."""
    specs = carried_specs()
    suites = {name.rpartition("/")[0]: path.parent for name, path in specs.items() if "/" in name}
    return suites | specs


def find_spec(spec: Path) -> Path:
    """The file or folder that a command means by `spec`: a path, or the name of a carried experiment or suite.

    What lies at the path comes first. Where there is no folder experiments/, its paths, as every page writes them, mean
    the carried experiments. A notice says which one is taken where somebody may have meant the other. A `spec` that is
    neither is returned as it is, unless names are near to it: then this raises SpecError, which has them.
    """
    if os.path.lexists(spec):
        if not is_spec(spec) and _is_another(spec, carried_names().get(spec.as_posix())):
            log.warning("%s: is what lies here, not the package's experiments of this name", spec)
        return spec
    carried = carried_names()
    if found := carried.get(spec.as_posix()):
        if _is_another(here := Path(f"{spec}.yaml"), found):
            log.warning("%s: is the package's experiment, not the file here; for that, name %s", spec, here)
        return found
    if spec.parts[:1] == (FOLDER,) and not os.path.lexists(FOLDER):
        found = carried_folder().joinpath(*spec.parts[1:])
        if found in (carried_folder(), *carried.values()):
            log.warning("%s: comes from the package, as there is no folder %s here", spec, FOLDER)
            return found
    if names := _names_like(spec):
        paths = specs_like(spec)
        meant = [*paths, *names] if is_spec(spec) else [*names, *paths]
        raise SpecError(f"{spec}: there is no such experiment{did_you_mean(meant)}")
    return spec


def _names_like(spec: Path) -> list[str]:
    """The names of carried experiments that a missing `spec` may have meant; none if its folder exists."""
    name = spec.with_suffix("") if is_spec(spec) else spec
    if name.parts[:1] == (FOLDER,) and not os.path.lexists(FOLDER):
        name = Path(*name.parts[1:])
    is_path = name.parent.parts and os.path.isdir(name.parent)
    return [] if is_path else nearest(name.as_posix(), carried_names())


def _is_another(here: Path, carried: Path | None) -> bool:
    """Whether `here` exists and is not the carried file or folder itself, as it is in a clone."""
    return carried is not None and os.path.exists(here) and not os.path.samefile(here, carried)


def heading(path: Path) -> tuple[str, str]:
    """What a carried spec says that it is and what to expect, in the comment at its head, around its command."""
    comment = "\n".join(takewhile(lambda line: line.startswith("#"), _lines(path)))
    what, _, below = comment.partition("#   resnet-repro ")
    expected = re.match(r"[^\n]*\n(.*?\.$)", below, re.DOTALL | re.MULTILINE)  # what is below tells how it was made
    return _joined(what), _joined(expected[1] if expected else "")


def suites() -> dict[str, tuple[str, str]]:
    """What each suite holds, and how long a run of it takes. That of the name "" are the experiments in no suite."""
    rows = [
        row[1].replace("`", "").split(" | ") for row in map(ROW.fullmatch, _lines(carried_folder() / OVERVIEW)) if row
    ]
    return {suite.rstrip("/") if suite != "here" else "": (holds, takes) for suite, holds, takes in rows}


def _lines(path: Path) -> list[str]:
    return read_text(path, LARGEST_FILE).splitlines()


def _joined(comment: str) -> str:
    return " ".join(line.removeprefix("#").strip() for line in comment.splitlines())


def copy_carried(folder: Path) -> list[Path]:
    """Copy the carried specs, and the schema for editors, into a folder. Returns the paths of the copies.

    Raises RunError if one of them exists already; then nothing is copied.
    """
    sources = [*carried_specs().values(), carried_folder() / SCHEMA]
    copies = {folder / source.relative_to(carried_folder()): source for source in sources}
    for copy in copies:
        if os.path.lexists(copy):
            raise RunError(
                f"--copy {folder}: {copy} is there already, and nothing is overwritten; choose another folder"
            )
    for copy, source in copies.items():
        make_folder(copy.parent, ELSEWHERE)
        check_within(copy.parent, folder)
        write_text(copy, read_text(source, LARGEST_FILE), ELSEWHERE)
    return list(copies)
