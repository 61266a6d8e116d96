"""Runs `plot`: writes the requested figures, and says why a requested one cannot be drawn."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from resnet_repro.errors import RunError
from resnet_repro.figures import FIGURES, Drawn, draw_figures
from resnet_repro.figures.saving import FORMATS, USUAL_FORMATS, save_figures
from resnet_repro.figures.style import STYLES
from resnet_repro.files import check_within
from resnet_repro.nearest import did_you_mean, nearest
from resnet_repro.record.run import FIGURES as FOLDER
from resnet_repro.record.run import Run


def print_families() -> None:
    """A line for each kind of figure: what it shows and which runs it needs."""
    width = max(map(len, FIGURES))
    for name, family in FIGURES.items():
        print(f"{name:{width}}  {family.about}; needs {family.needs}")


def plot(
    runs: Sequence[Run],
    results: Sequence[Path],
    output: Path | None,
    names: Sequence[str],
    style: str,
    title: str,
    formats: Sequence[str],
    notice: Callable[[str], None],
) -> None:
    """Write figures of runs, of all kinds unless `names` lists some, and print their paths.

    They go to the first of the folders `results`, which hold the runs, unless `output` is given. Raises RunError for an
    unknown name or format, and if no named figure can be drawn from these runs.
    """
    endings = _chosen("--format", [part for text in formats for part in text.split(",")], FORMATS) or USUAL_FORMATS
    families = _chosen("--figure", names, FIGURES)
    drawn: set[str] = set()
    look = replace(STYLES[style], title=title)
    figures = draw_figures(runs, look, families or FIGURES)
    folder = output or results[0] / FOLDER
    if not output:
        check_within(folder, results[0])
    for path in save_figures(_noting(figures, drawn), folder, look, endings):
        print(path)
    missing = [
        f"--figure {name}: {' '.join(map(str, results))} holds no runs for it; it needs {FIGURES[name].needs}"
        + (f"; {why_not(runs)}" if (why_not := FIGURES[name].why_not) else "")
        for name in families
        if name not in drawn
    ]
    if missing and not drawn:
        raise RunError("; ".join(missing))
    for line in missing:
        notice(line)


def _noting(figures: Iterable[Drawn], families: set[str]) -> Iterator[Drawn]:
    """Pass the figures on, and add the family of each to `families`."""
    for drawn in figures:
        families.add(drawn.family)
        yield drawn


def _chosen(option: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names without repetitions. Raises RunError for an unknown name, with the nearest known one."""
    known = list(known)
    found = list(dict.fromkeys(names))
    for name in found:
        if name not in known:
            hint = did_you_mean(nearest(name, known)) or f"; there are {', '.join(known)}"
            raise RunError(f"{option} {name}: is unknown{hint}")
    return found
