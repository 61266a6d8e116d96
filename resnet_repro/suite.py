"""Which runs a command asks for: spec files and folders, overrides and seeds."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from resnet_repro.errors import SpecError
from resnet_repro.spec import Experiment
from resnet_repro.spec_file import load_spec

Jobs = int | Literal["auto"]  # runs side by side on each device
MOST_SEEDS = 1000
MOST_JOBS = 1000


def load_suite(specs: Iterable[Path], overrides: Iterable[str], seeds: Sequence[int] | None) -> list[Experiment]:
    """Every spec with every seed, or with its own if `seeds` is None.

    All are read before anything starts, so a mistake in the last one costs nothing. Raises SpecError.
    """
    found: dict[str, tuple[Path, Experiment]] = {}
    for path in _paths(specs):
        experiment = load_spec(path, overrides)
        for seed in [experiment.seed] if seeds is None else seeds:
            seeded = experiment.model_copy(update={"seed": seed})
            if (other := found.setdefault(seeded.label, (path, seeded))[0]) != path:
                raise SpecError(f"{path}: name: {seeded.name} is that of {other} too; give one another name")
    return [experiment for _, experiment in found.values()]


def parse_seeds(text: str) -> list[int]:
    """ "0-4" or "0,2,5" as a list. Raises ValueError."""
    chosen: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"seeds {text}: should be like 0-4 or 0,2,5")
        bounds = int(first), int(last or first)
        if bounds[1] - bounds[0] >= MOST_SEEDS:
            raise ValueError(f"seeds {text}: are more than {MOST_SEEDS}")
        chosen += range(bounds[0], bounds[1] + 1)
    if not chosen or max(chosen) >= 2**32:
        raise ValueError(f"seeds {text}: should rise, from 0 to 4294967295 at the most")
    return chosen


def parse_jobs(text: str) -> Jobs:
    """ "auto", or a whole number above 0. Raises ValueError."""
    if text == "auto":
        return "auto"
    if not text.isdecimal() or not 0 < int(text) <= MOST_JOBS:
        raise ValueError(f"jobs {text}: should be auto, or a whole number from 1 to {MOST_JOBS}")
    return int(text)


def parse_duration(text: str) -> float:
    """ "8h", "90m" or "1h30m" as seconds. Raises ValueError."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (duration := 3600 * hours + 60 * minutes + seconds):
        raise ValueError(f"time {text}: should be like 8h, 90m or 1h30m")
    return float(duration)


def _paths(specs: Iterable[Path]) -> list[Path]:
    """A folder stands for the specs right in it."""
    paths: list[Path] = []
    for spec in specs:
        inside = sorted(spec.glob("*.yaml")) if spec.is_dir() else [spec]
        if not inside:
            raise SpecError(f"{spec}: holds no .yaml file; name a spec, or a folder with specs right in it")
        paths += inside
    return paths
