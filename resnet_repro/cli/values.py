"""Reads the values of options that are more than a name or a number."""

import re
from typing import Literal

MOST_SEEDS = 1000
MOST_JOBS = 1000


def parse_seeds(text: str) -> list[int]:
    """The seeds in "0-4" or "0,2,5". Raises ValueError."""
    from resnet_repro.spec.section import LARGEST_SEED

    chosen: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"seeds {text}: should be like 0-4 or 0,2,5")
        bounds = int(first), int(last or first)
        if bounds[1] < bounds[0]:
            raise ValueError(f"seeds {text}: {part.strip()} should rise")
        if bounds[1] - bounds[0] >= MOST_SEEDS:
            raise ValueError(f"seeds {text}: are more than {MOST_SEEDS} seeds")
        chosen += range(bounds[0], bounds[1] + 1)
    if max(chosen) > LARGEST_SEED:
        raise ValueError(f"seeds {text}: should be from 0 to at most {LARGEST_SEED}")
    return chosen


def parse_jobs(text: str) -> int | Literal["auto"]:
    """The value of --jobs: "auto", or a whole number above 0. Raises ValueError."""
    if text == "auto":
        return "auto"
    if not text.isdecimal() or not 0 < int(text) <= MOST_JOBS:
        raise ValueError(f"jobs {text}: should be auto, or a whole number from 1 to {MOST_JOBS}")
    return int(text)


def parse_on(text: str) -> str:
    """The address in "ray=HOST:PORT", or "auto" for "ray" alone. Raises ValueError."""
    if text == "ray":
        return "auto"
    found = re.fullmatch(r"ray=([^\s:/]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})", text)
    if not found or not 0 < int(found[2]) < 65536:
        raise ValueError(f"{text}: should be ray, or ray=HOST:PORT, the address that 'ray start --head' shows")
    return text.removeprefix("ray=")


def parse_duration(text: str) -> float:
    """The seconds in "8h", "90m" or "1h30m". Raises ValueError."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (duration := 3600 * hours + 60 * minutes + seconds):
        raise ValueError(f"time {text}: should be like 8h, 90m or 1h30m")
    return float(duration)
