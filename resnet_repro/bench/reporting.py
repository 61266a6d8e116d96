"""What `bench` does and shows: results on stdout, how far it is on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from resnet_repro.bench.measurement import measure
from resnet_repro.bench.page import MEANINGS, Measurements, make_folder, renew_page, save, table_of
from resnet_repro.bench.scaling import measure_scaling
from resnet_repro.errors import RunError
from resnet_repro.spec import Experiment
from resnet_repro.tables import print_table
from resnet_repro.training.device import resolve_device


def show_speed(
    experiments: Sequence[Experiment],
    device: str,
    seconds: float,
    with_baseline: bool,
    compiled: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Each net beside a usual script and the machine's limit."""
    on = _ready(device, output)
    _show(
        [measure(e, on, seconds, with_baseline=with_baseline, compiled=compiled, say=_say) for e in experiments],
        output,
        as_json,
    )
    if not as_json:
        print(MEANINGS)


def show_scaling(overrides: Iterable[str], device: str, seconds: float, output: Path | None, as_json: bool) -> None:
    """The cost of training as nets, batches and the number of runs grow."""
    on = _ready(device, output)
    _show(measure_scaling(on, seconds, overrides, say=_say), output, as_json)


def show_page(folder: Path) -> None:
    """Renew a page from what its folder keeps. Raises RunError if it is none."""
    page = renew_page(folder)
    if page is None:
        raise RunError(f"{folder}: there is no README.md here whose tables could be renewed")
    print(page)


def _ready(device: str, output: Path | None) -> torch.device:
    """The device, once there is a place for the results. Raises RunError."""
    on = resolve_device(device)
    if output:
        make_folder(output)
    return on


def _show(measurements: Measurements, output: Path | None, as_json: bool) -> None:
    if output:
        _say(str(save(measurements, output)))
        renew_page(output)
    if as_json:
        print(json.dumps(measurements, indent=2))
    else:
        print_table(*table_of(measurements))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
