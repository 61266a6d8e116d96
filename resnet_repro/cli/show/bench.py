"""What `bench` does and shows: results on stdout, how far it is on stderr."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from resnet_repro.bench.budget import work_off
from resnet_repro.bench.gpu_check import GpuCheck
from resnet_repro.bench.gpu_tables import check_tables, problems, remarks
from resnet_repro.bench.measurement import measure
from resnet_repro.bench.page import MEANINGS, Measurements, make_folder, renew_page, save, save_check, table_of
from resnet_repro.bench.scaling import measure_scaling
from resnet_repro.errors import RunError
from resnet_repro.files import to_json
from resnet_repro.spec import Experiment
from resnet_repro.text_tables import print_table
from resnet_repro.training.device import resolve_device

QUEUES = "CUDA_DEVICE_MAX_CONNECTIONS"  # streams whose work can begin at the same time; 8 if not given; read by CUDA


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


def show_gpu_check(nets: Sequence[Experiment], device: str, seconds: float, output: Path | None, as_json: bool) -> None:
    """First contact with a CUDA device. Raises RunError if there is none, and at the end if anything was amiss."""
    on = _ready(device, output)
    if on.type != "cuda":
        raise RunError(f"--gpu-check: needs a CUDA device, and the device is {on}")
    check = GpuCheck(nets, on)
    work_off(check.parts(), seconds, check.found, lambda found: output and save_check(found, output), _say)
    if output:
        renew_page(output)
    if as_json:
        print(to_json(check.found), end="")
    else:
        for table in check_tables(check.found):
            print_table(*table)
        print("\n".join(remarks(check.found)))
    if amiss := problems(check.found):
        raise RunError(f"--gpu-check: {'; '.join(amiss)}")


def show_page(folder: Path) -> None:
    """Renew a page from what its folder keeps. Raises RunError if it is none."""
    page = renew_page(folder)
    if page is None:
        raise RunError(f"{folder}: there is no README.md here whose tables could be renewed")
    print(page)


def _ready(device: str, output: Path | None) -> torch.device:
    """The device, once there is a place for the results. Raises RunError."""
    os.environ.setdefault(QUEUES, "32")
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
