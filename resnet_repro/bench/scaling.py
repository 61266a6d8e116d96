"""Measures how training cost grows with depth, width, batch size and the number of runs side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from resnet_repro.bench.memory import peak_memory_bytes
from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.bench.parallel import images_per_second, parallel_runs
from resnet_repro.bench.sharing import LONG_WAITS, SHORT_WAITS, SIDE_BY_SIDE, shared_speeds
from resnet_repro.bench.specs import RANDOM_IMAGES, residual_net
from resnet_repro.runner.environment import describe_environment
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import overridden
from resnet_repro.text_tables import counted
from resnet_repro.training.device import device_name, resolve_precision, usable_cores
from resnet_repro.training.timing import always, interleaved, synchronizer

ROUNDS = 3
CURVES = {
    "model.depth": (20, 32, 44, 56, 110),
    "model.width": (16, 32, 64),
    "training.batch_size": (32, 64, 128, 256, 512),
}
PARALLEL = "runs side by side"
RECOMPUTE = "training.recompute"
BUSY = (0, 1, 2)  # other processes that keep a core busy each
DEEP = ["data.dataset=synthetic", "data.train_images=1000", "data.test_images=1000", "training.batch_size=16"]


def measure_scaling(
    device: torch.device,
    seconds: float,
    overrides: Iterable[str] = (),
    curves: Mapping[str, Sequence[int]] = CURVES,
    runs: Sequence[int] | None = None,
    deepest: Experiment | None = None,
    busy: Sequence[int] = BUSY,
    say: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """One result for each point of each curve, in about `seconds` a curve, for ResNet-20 with batches of 128.

    `curves` gives the values of each field, and `runs` the numbers of runs side by side, by default `parallel_runs`. On
    a CPU of several cores, other curves show training beside `busy` processes. A last curve measures activation
    checkpointing on `deepest`, by default ResNet-1202, with batches of 16.
    """
    base = overridden(residual_net(20), overrides)
    settings = [f"{field}={value}" for field, values in curves.items() for value in values]
    planned = {setting: overridden(base, [setting]) for setting in settings}  # finds mistakes before measuring
    points: list[dict[str, Any]] = []
    for field, values in curves.items():
        say(f"{field}: {', '.join(map(str, values))}")
        nets = {value: planned[f"{field}={value}"] for value in values}
        points += _curve(field, _step_seconds(nets, device, seconds), nets)
    runs = parallel_runs(device) if runs is None else runs
    speeds = {}
    for number in runs:
        say(f"{PARALLEL}: {number}")
        speeds[number] = images_per_second(base, device, number, seconds / len(runs))
    points += curve_points(PARALLEL, speeds)
    if device.type == "cpu" and usable_cores() > 1:
        say(f"beside busy processes: {', '.join(map(str, busy))}")
        points += _beside_busy(shared_speeds(base, busy, 3 * seconds))
    precision = resolve_precision(base.training.precision, device)
    environment = describe_environment(device, precision, "", {"name": RANDOM_IMAGES, "exact": False, "digest": ""})
    say(f"{RECOMPUTE}: false, true")
    points += _recomputing(deepest or residual_net(1202), device, seconds)
    return [{"device": device_name(device), **point, "environment": environment} for point in points]


def _curve(field: str, step_seconds: Mapping[int, float], nets: Mapping[int, Experiment]) -> list[dict[str, Any]]:
    speeds = {value: nets[value].training.batch_size / seconds for value, seconds in step_seconds.items()}
    milliseconds = [1000 * seconds for seconds in step_seconds.values()]
    return [
        {**point, "step_ms": step_ms} for point, step_ms in zip(curve_points(field, speeds), milliseconds, strict=True)
    ]


def _beside_busy(speeds: Mapping[int, Mapping[str, float]]) -> list[dict[str, Any]]:
    """The gain of threads that wait briefly, and of runs side by side, each beside numbers of busy processes."""
    places = {
        number: f"beside {counted(number, 'busy neighbour')}" if number else "on a quiet machine" for number in speeds
    }
    cores = usable_cores()
    points = [
        curve_points(f"short waits of threads, {places[number]}", {0: speed[LONG_WAITS], 1: speed[SHORT_WAITS]})
        for number, speed in speeds.items()
    ]
    points += [
        curve_points(f"{PARALLEL}, {places[number]}", {1: speed[LONG_WAITS], cores: speed[SIDE_BY_SIDE]})
        for number, speed in speeds.items()
    ]
    return [point for curve in points for point in curve]


def _recomputing(net: Experiment, device: torch.device, seconds: float) -> list[dict[str, Any]]:
    """Time and memory of a net without and with activation checkpointing."""
    nets = {value: overridden(net, [*DEEP, f"{RECOMPUTE}={str(bool(value)).lower()}"]) for value in (0, 1)}
    label = f"{RECOMPUTE} of {net.name}, batches of 16"
    points = _curve(label, _step_seconds(nets, device, seconds), nets)
    memory = [peak_memory_bytes(experiment, device) for experiment in nets.values()]
    return [{**point, "memory_bytes": size} for point, size in zip(points, memory, strict=True)]


def curve_points(curve: str, speeds: Mapping[int, float] | Mapping[str, float]) -> list[dict[str, Any]]:
    """One result for each value; `relative_speed` is relative to the first one."""
    first = next(iter(speeds.values()), 1.0)
    return [
        {
            "curve": curve,
            "value": value,
            "images_per_second": speed,
            "step_ms": None,
            "relative_speed": speed / first,
            "memory_bytes": None,
        }
        for value, speed in speeds.items()
    ]


def _step_seconds(nets: Mapping[int, Experiment], device: torch.device, seconds: float) -> dict[int, float]:
    """Median seconds of a step of each net; the nets take turns."""
    turn = seconds / (ROUNDS + 1) / len(nets)
    contenders = {value: always(training_step(bench_trainer(net, device)), turn) for value, net in nets.items()}
    timings = interleaved(contenders, ROUNDS, synchronizer(device))
    return {value: timing.median for value, timing in timings.items()}
