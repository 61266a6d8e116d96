"""The runs of the reproduction, the most important first."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resnet_repro.errors import SpecError
from resnet_repro.nearest import did_you_mean, nearest_paths
from resnet_repro.papers.claims import TABLE_1
from resnet_repro.spec import Experiment
from resnet_repro.spec.suite import load_suite


class Tier(NamedTuple):
    """Runs of equal importance: specs, as paths below experiments/ without .yaml, each trained with every seed."""

    specs: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)


def _pairs(*depths: int, folder: str = "", ending: str = "") -> tuple[str, ...]:
    return tuple(f"{folder}{kind}{depth}{ending}" for depth in depths for kind in ("plain", "resnet"))


def _mappings(*names: str) -> tuple[str, ...]:
    return tuple(f"identity_mappings/{name}" for name in names)


MORE = (1, 2)  # seeds
UNITS = ("bn-after-addition", "relu-before-addition", "relu-only-preactivation")
SCHEDULES: dict[str, tuple[Tier, ...]] = {
    "full": (
        Tier(_pairs(20, 56)),
        Tier(_pairs(110)),
        Tier(_pairs(32, 44)),
        Tier(_pairs(20, 56), MORE),
        Tier(_pairs(110, 32, 44), MORE),
        Tier(_mappings(*(f"{unit}-{depth}" for unit in ("original", "full-preactivation") for depth in (110, 164)))),
        Tier(_mappings(*(f"{unit}-{depth}" for unit in UNITS for depth in (110, 164)))),
        Tier(_mappings(*TABLE_1)),
        Tier((*_pairs(20, 56, 110, ending="-nobn"), "resnet110-cold")),
        Tier(("resnet110-cold",), MORE),
        Tier((*_mappings("original-110-single-layer", "full-preactivation-110-single-layer", "original-1001",
                  "full-preactivation-1001", "full-preactivation-1001-batch64"), "resnet1202")),
    ),
    "tenth": (
        Tier(_pairs(20, 56, folder="tenth/")),
        Tier(_pairs(20, folder="tenth/"), MORE),
        Tier(_pairs(32, 44, folder="tenth/")),
        Tier(_pairs(20, 56, folder="tenth-nobn/")),
        Tier(("warmup/resnet110", "warmup/resnet110-cold"), (0, 1)),
        Tier(_pairs(110, folder="tenth/")),
        Tier(_pairs(56, 32, 44, folder="tenth/"), MORE),
    ),
}  # fmt: skip


def load_tiers(schedule: str, experiments: Path) -> list[Sequence[Experiment]]:
    """The runs of each tier. Raises SpecError if a spec is missing."""
    if not experiments.is_dir():
        remedy = did_you_mean(nearest_paths(experiments)) or "; name the one that holds the specs"
        raise SpecError(f"--experiments {experiments}: there is no such folder{remedy}")
    return [
        load_suite([experiments / f"{spec}.yaml" for spec in tier.specs], (), tier.seeds)
        for tier in SCHEDULES[schedule]
    ]
