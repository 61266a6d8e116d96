"""Checks a new GPU: is training correct there, how fast is it, and how many runs side by side are best?"""

import gc
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import torch

from resnet_repro.bench.agreement import losses_agree, orders_agree
from resnet_repro.bench.budget import Part
from resnet_repro.bench.kernels import kernels_of
from resnet_repro.bench.ours import bench_trainer, training_step
from resnet_repro.bench.parallel import steps_per_second
from resnet_repro.bench.specs import RANDOM_IMAGES, random_images, with_few_images
from resnet_repro.runner.environment import describe_environment
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import overridden
from resnet_repro.spec.training import PAPER_STEPS
from resnet_repro.training.device import device_name, resolve_precision
from resnet_repro.training.evaluation import evaluate
from resnet_repro.training.loop import Trainer
from resnet_repro.training.timing import Step, always, interleaved, synchronizer

PRINCIPAL = 3  # so many of the first nets are measured in every way
PRECISIONS = ("bf16", "fp16", "fp32")
RUNS = (1, 2, 4, 8)  # numbers of runs side by side
ROUNDS, TURN_SECONDS = 3, 0.3
TOGETHER_SECONDS = 2.0  # how long runs side by side are timed


class GpuCheck:
    """The check of a device with `nets`: `parts()` are its measurements, and `found` their results, as plain values."""

    def __init__(self, nets: Sequence[Experiment], device: torch.device) -> None:
        self.nets, self.device = nets, device
        self.synchronize = synchronizer(device)
        self.precision = resolve_precision("auto", device)
        self.trainers: dict[str, Trainer] = {}  # of the nets measured in that precision, by name
        data = {"name": RANDOM_IMAGES, "exact": False, "digest": ""}
        self.found: dict[str, Any] = {
            "device": device_name(device),
            "start": None,
            "order": [],
            "agreement": [],
            "speed": [],
            "suite": None,
            "side_by_side": [],
            "evaluation": [],
            "kernels": [],
            "environment": describe_environment(device, self.precision, "", data),
        }

    def parts(self) -> Iterator[Part]:
        """The measurements, the most important first."""
        first, principal = self.nets[0], self.nets[:PRINCIPAL]
        yield Part("start", 0, partial(self._start, first))
        yield Part("order of the mini-batches", 2, partial(self._order, first))
        for precision in PRECISIONS:
            yield Part(f"captured against eager, {precision}", 5, partial(self._agreement, first, precision))
        for net in self.nets:
            yield Part(f"speed, {net.name}", 3, partial(self._speed, net, self.precision, keep=True))
        yield Part("kernels", 4, partial(self._kernels, principal))
        yield Part("all nets side by side", 7, self._suite)
        yield Part(f"{', '.join(map(str, RUNS))} runs side by side", 12, partial(self._side_by_side, first))
        yield Part("evaluation", 1, partial(self._evaluation, principal))
        for precision in PRECISIONS:
            for net in principal if precision != self.precision else ():
                yield Part(f"speed, {net.name}, {precision}", 4, partial(self._speed, net, precision))
        for net in principal:
            yield Part(f"speed, {net.name}, compiled", 20, partial(self._speed, net, self.precision, compiled=True))

    def _start(self, net: Experiment) -> None:
        """Time the start of a process's first and second run, from data in memory to the first step."""
        random_images(net.data)
        first, second = (self._built(net)[2] for _ in range(2))
        self.found["start"] = {"first_seconds": first, "second_seconds": second}

    def _order(self, net: Experiment) -> None:
        self.found["order"].append(orders_agree(net, self.device))

    def _agreement(self, net: Experiment, precision: str) -> None:
        self.found["agreement"].append(losses_agree(net, self.device, precision))

    def _built(self, net: Experiment, compiled: bool = False) -> tuple[Trainer, Step, float]:
        """A new run, its training step, and the seconds until its first step was done."""
        began = time.perf_counter()
        trainer = bench_trainer(net, self.device, compiled)
        step = training_step(trainer)
        step()
        self.synchronize()
        return trainer, step, time.perf_counter() - began

    def _speed(self, net: Experiment, precision: str, compiled: bool = False, keep: bool = False) -> None:
        """Time one run alone. With `keep`, other parts can use its trainer."""
        allocated = self._peak_bytes(reset=True)
        spec = overridden(with_few_images(net), [f"training.precision={precision}"])
        trainer, step, start_seconds = self._built(spec, compiled)
        timing = interleaved({net.name: always(step, TURN_SECONDS)}, ROUNDS, self.synchronize)[net.name]
        if keep:
            self.trainers[net.name] = trainer
        batch_size, peak = net.training.batch_size, self._peak_bytes()
        self.found["speed"].append({
            "spec": net.name,
            "batch_size": batch_size,
            "precision": trainer.engine.precision,
            "engine": trainer.engine.name,
            "kernels": trainer.engine.kernels,
            "step_ms": 1000 * timing.median,
            "images_per_second": batch_size / timing.median,
            "minutes": PAPER_STEPS * timing.median / 60,
            "start_seconds": start_seconds,
            "memory_bytes": None if peak is None or allocated is None else peak - allocated,
        })  # fmt: skip

    def _peak_bytes(self, reset: bool = False) -> int | None:
        """The most bytes that torch has allocated on a CUDA device since the last reset; None on other devices."""
        if self.device.type != "cuda":
            return None
        if reset:
            gc.collect()  # otherwise earlier runs' memory might be freed during the measurement
            torch.cuda.reset_peak_memory_stats(self.device)
        return torch.cuda.max_memory_allocated(self.device)

    def _suite(self) -> None:
        """Time all nets side by side; they do `speedup` times the work of the nets one after another."""
        alone = self._step_seconds()
        steps = [training_step(self.trainers[name]) for name in alone]
        rates = steps_per_second(steps, self.device, 2 * TOGETHER_SECONDS)
        speedup = sum(rate * seconds for rate, seconds in zip(rates, alone.values(), strict=True))
        minutes = PAPER_STEPS * sum(alone.values()) / 60
        self.found["suite"] = {
            "runs": len(alone),
            "speedup": speedup,
            "minutes_one_by_one": minutes,
            "minutes_side_by_side": minutes / speedup,
            "step_ms": {name: 1000 / rate for name, rate in zip(alone, rates, strict=True)},
        }

    def _side_by_side(self, net: Experiment) -> None:
        few = with_few_images(net)
        steps = [training_step(bench_trainer(few, self.device)) for _ in range(max(RUNS))]
        rows = self.found["side_by_side"]
        for runs in RUNS:
            rate = sum(steps_per_second(steps[:runs], self.device, TOGETHER_SECONDS / 2))
            speed = rate * net.training.batch_size
            first = rows[0]["images_per_second"] if rows else speed
            rows.append({"spec": net.name, "runs": runs, "images_per_second": speed, "relative_speed": speed / first})

    def _evaluation(self, nets: Sequence[Experiment]) -> None:
        """Time an evaluation, as after each epoch of a run, and compare it with the steps of an epoch."""
        alone = self._step_seconds()
        for net in self._kept(nets):
            trainer = self.trainers[net.name]
            turn = always(partial(_evaluate_first, trainer), TURN_SECONDS)
            batch = len(next(iter(trainer.test))[1])
            images = min(net.training.clean_images, net.data.epoch_images) + net.data.test_images
            seconds = interleaved({net.name: turn}, ROUNDS, self.synchronize)[net.name].median * images / batch
            share = seconds / (net.steps_of("epoch") * alone[net.name])
            self.found["evaluation"].append(
                {"spec": net.name, "evaluation_seconds": seconds, "evaluation_share": share}
            )

    def _kernels(self, nets: Sequence[Experiment]) -> None:
        for net in self._kept(nets):
            trainer = self.trainers[net.name]
            found = kernels_of(training_step(trainer), self.device, self.synchronize)
            self.found["kernels"].append({"spec": net.name, "precision": trainer.engine.precision, **found})

    def _kept(self, nets: Sequence[Experiment]) -> list[Experiment]:
        """The nets whose trainer was kept: those with enough time, and without a failure."""
        return [net for net in nets if net.name in self.trainers]

    def _step_seconds(self) -> dict[str, float]:
        """Seconds of a step of each kept run alone. Raises LookupError if there is none."""
        if not self.trainers:
            raise LookupError("no net has been measured alone")
        # The first row of a net is that of the kept run.
        step_ms = {row["spec"]: row["step_ms"] for row in reversed(self.found["speed"])}
        return {name: step_ms[name] / 1000 for name in self.trainers}


def _evaluate_first(trainer: Trainer) -> None:
    evaluate(trainer.engine, islice(trainer.test, 1))
