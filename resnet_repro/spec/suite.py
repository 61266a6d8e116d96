"""Reads the runs that a command asks for: specs by path or name, and folders of them, varied, with every seed."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from resnet_repro.errors import SpecError
from resnet_repro.spec import Experiment
from resnet_repro.spec.carried import find_spec
from resnet_repro.spec.file import spec_source
from resnet_repro.spec.overriding import given
from resnet_repro.spec.variation import variations
from resnet_repro.spec.yaml_source import is_spec


def load_suite(
    specs: Iterable[Path],
    overrides: Iterable[str],
    seeds: Sequence[int] | None,
    varied: Mapping[str, Iterable[object]] | None = None,
    name: str | None = None,
) -> list[Experiment]:
    """Read every spec with every seed, or with its own seed if `seeds` is None, and with every combination of `varied`.

    `name` is that of the experiment in place of the spec's own. All specs are read before the first run starts, so that
    a mistake in the last one costs nothing. Raises SpecError.
    """
    overrides = list(overrides)
    if both := {text.partition("=")[0].strip() for text in overrides} & (varied or {}).keys():
        raise SpecError(f"--set {both.pop()}: --vary gives the values of this field too; leave one of them out")
    paths = spec_files(specs)
    if name is not None and len(set(paths)) > 1:
        raise SpecError(f"--name {name}: names one spec, and these are {len(paths)}; leave it out or train one alone")
    found: dict[str, tuple[Path, Experiment]] = {}
    for path in paths:
        source = spec_source(path, overrides)
        if name is not None:
            source = given("name", name, f"--name {name}").over(source)
        for experiment in variations(source, varied or {}):
            for seed in [experiment.seed] if seeds is None else seeds:
                seeded = experiment.model_copy(update={"seed": seed})
                if (other := found.setdefault(seeded.label, (path, seeded))[0]) != path:
                    raise SpecError(f"{path}: name: {seeded.name} is that of {other} too; give one another name")
    return [experiment for _, experiment in found.values()]


def spec_files(specs: Iterable[Path]) -> list[Path]:
    """The spec files that a command names. A folder stands for the .yaml and .yml files right in it, none hidden."""
    paths: list[Path] = []
    for spec in map(find_spec, specs):
        inside = sorted(filter(is_spec, spec.iterdir())) if spec.is_dir() else [spec]
        if not inside:
            raise SpecError(f"{spec}: holds no .yaml file; name a spec, or a folder with specs right in it")
        paths += inside
    return paths
