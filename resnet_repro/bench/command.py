"""Runs the benchmarks of `bench`: results go to stdout, progress to stderr."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from resnet_repro.bench.budget import work_off
from resnet_repro.bench.gpu_check import GpuCheck
from resnet_repro.bench.gpu_tables import check_tables, problems, remarks
from resnet_repro.bench.measurement import measure
from resnet_repro.bench.page import ELSEWHERE, MEANINGS, Measurements, renew_page, save, save_check, table_of
from resnet_repro.bench.scaling import measure_scaling
from resnet_repro.errors import RunError
from resnet_repro.files import make_folder, to_json
from resnet_repro.spec import Experiment
from resnet_repro.text_tables import print_table
from resnet_repro.training.device import resolve_device

QUEUES = "CUDA_DEVICE_MAX_CONNECTIONS"  # read by CUDA: how many streams can work at the same time; 8 by default


def show_speed(
    experiments: Sequence[Experiment],
    device: str,
    seconds: float,
    with_baseline: bool,
    compiled: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """The speed of each net, compared with a usual training script and with the machine's limit."""
    on = _ready(device, output)
    _show(
        [measure(e, on, seconds, with_baseline=with_baseline, compiled=compiled, say=_say) for e in experiments],
        output,
        as_json,
    )
    if not as_json:
        print(MEANINGS)


def show_scaling(overrides: Iterable[str], device: str, seconds: float, output: Path | None, as_json: bool) -> None:
    """The cost of training for growing depths, batch sizes and numbers of runs side by side."""
    on = _ready(device, output)
    _show(measure_scaling(on, seconds, overrides, say=_say), output, as_json)


def show_gpu_check(nets: Sequence[Experiment], device: str, seconds: float, output: Path | None, as_json: bool) -> None:
    """Check and measure a CUDA device. Raises RunError if there is none, and at the end if a check failed."""
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
    """Rewrite the tables of a page from the results in its folder. Raises RunError if there is no page."""
    page = renew_page(folder)
    if page is None:
        raise RunError(f"{folder}: there is no README.md here to update")
    print(page)


def _ready(device: str, output: Path | None) -> torch.device:
    """The device, after creating the output folder. Raises RunError if either fails."""
    os.environ.setdefault(QUEUES, "32")
    on = resolve_device(device)
    if output:
        make_folder(output, ELSEWHERE)
    return on


def _show(measurements: Measurements, output: Path | None, as_json: bool) -> None:
    if output:
        _say(str(save(measurements, output)))
        renew_page(output)
    if as_json:
        print(to_json(measurements), end="")
    else:
        print_table(*table_of(measurements))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
