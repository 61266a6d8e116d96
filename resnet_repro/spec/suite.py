"""Reads the runs that a command asks for: specs by path or name, and folders of them, with overrides and seeds."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from resnet_repro.errors import SpecError
from resnet_repro.nearest import did_you_mean
from resnet_repro.spec import Experiment
from resnet_repro.spec.carried import find_spec, names_like
from resnet_repro.spec.file import read_spec
from resnet_repro.spec.yaml_source import is_spec, specs_like


def load_suite(specs: Iterable[Path], overrides: Iterable[str], seeds: Sequence[int] | None) -> list[Experiment]:
    """Read every spec with every seed, or with its own seed if `seeds` is None.

    All are read before the first run starts, so that a mistake in the last one costs nothing. Raises SpecError.
    """
    found: dict[str, tuple[Path, Experiment]] = {}
    for path in spec_files(specs):
        experiment = read_spec(path, overrides)
        for seed in [experiment.seed] if seeds is None else seeds:
            seeded = experiment.model_copy(update={"seed": seed})
            if (other := found.setdefault(seeded.label, (path, seeded))[0]) != path:
                raise SpecError(f"{path}: name: {seeded.name} is that of {other} too; give one another name")
    return [experiment for _, experiment in found.values()]


def spec_files(specs: Iterable[Path]) -> list[Path]:
    """The spec files that a command names. A folder stands for the .yaml and .yml files right in it, none hidden."""
    paths: list[Path] = []
    for spec in map(find_spec, specs):
        if not os.path.lexists(spec) and (names := names_like(spec)):
            paths = specs_like(spec)
            meant = [*paths, *names] if is_spec(spec) else [*names, *paths]
            raise SpecError(f"{spec}: there is no such experiment{did_you_mean(meant)}")
        inside = sorted(filter(is_spec, spec.iterdir())) if spec.is_dir() else [spec]
        if not inside:
            raise SpecError(f"{spec}: holds no .yaml file; name a spec, or a folder with specs right in it")
        paths += inside
    return paths
