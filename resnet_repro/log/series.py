"""What is logged of a run: its numbers by step, and its settings. Needs no torch."""

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from resnet_repro.errors import printable
from resnet_repro.record.rows import ProbeRow, Row
from resnet_repro.record.run import Run
from resnet_repro.spec.file import leaves
from resnet_repro.spec.naming import net_name

METRICS, PROBE = "metrics", "probe"  # begin the sections of the columns of metrics.csv, and of each probe after them
ENVIRONMENT = ("device_name", "precision")  # the fields of environment.json that stand beside those of the spec
MOST_SERIES = 20_000  # of a run: five probes of a net of 1202 layers


class Point(NamedTuple):
    """The numbers of one step, by name, and the seconds of training until then."""

    step: int
    seconds: float
    values: dict[str, float]


def identity(run: Run) -> str:
    """16 letters and digits that tell this training from all others; "" for a run without a row.

    They come from the spec and the first row, in which the times are never twice the same. So a copy of the folder on
    another machine has the same ones, and a run that is trained again has others.
    """
    if not run.rows:
        return ""
    spec = json.dumps(run.experiment.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{spec}\n{asdict(run.rows[0])}".encode()).hexdigest()[:16]


def points(run: Run, rows: Sequence[Row], probes: Sequence[ProbeRow]) -> Iterator[Point]:
    """These rows of the run as a point for each step, the first step first."""
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row.step, {}).update(_metrics(row))
    for probe in probes:
        found.setdefault(probe.step, {})[probe_name(probe)] = probe.value
    steps = [row.step for row in run.rows]
    for step in sorted(found):
        place = bisect_right(steps, step)
        yield Point(step, run.rows[place - 1].elapsed_seconds if place else 0.0, found[step])


def _metrics(row: Row) -> dict[str, float]:
    return {f"{METRICS}/{name}": value for name, value in asdict(row).items() if name != "step" and value is not None}


def probe_name(row: ProbeRow) -> str:
    """As "probe_gradient_norm/stage1.0.branch.conv1/norm"."""
    return printable("/".join(filter(None, (f"{PROBE}_{row.probe}", row.layer, row.name))))


def config(run: Run) -> dict[str, Any]:
    """The resolved spec as sections, the name of the net, and the environment."""
    spec = run.experiment.model_dump(mode="json")
    return {"net": net_name(run.experiment.model), **spec, "environment": run.environment}


def flat_config(run: Run) -> dict[str, str | float | bool]:
    """The settings that may explain a result, as "model.depth": the spec without seed and name, device, data.

    Lists are JSON; what is not set is left out.
    """
    found = config(run)
    for name in ("name", "seed"):
        del found[name]
    found["environment"] = {name: run.environment.get(name) for name in ENVIRONMENT} | {"data": run.data_name}
    return {
        ".".join(key): json.dumps(value) if isinstance(value, list) else value
        for key, value in leaves(found)
        if value is not None
    }


def summary(run: Run) -> dict[str, str | float]:
    """How the run stands: its status, and the numbers of summary.json that are in no row."""
    found: dict[str, str | float] = {"status": run.status}
    for name in ("steps", "parameters", "total_seconds"):
        if name in run.summary:
            found[name] = run.summary[name]
    for column in ("train_error_pct", "test_error_pct"):
        if (result := run.result(column)) is not None and math.isfinite(result):
            found[f"result/{column}"] = result
    return found
