"""What a claim may compare: one number of a run. To add one: a function of a run, and a line in `MEASURES`."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from resnet_repro.record.run import Run


class Measure(NamedTuple):
    """`of` gives a run's value, or None where the run does not hold it."""

    label: str
    unit: str  # written after a value
    of: Callable[[Run], float | None]
    seed_noise: float | None = None  # standard deviation between seeds where it is known; 0 for what no seed changes
    digits: int = 2  # after the point

    @property
    def is_exact(self) -> bool:
        """Whether the net alone decides it, however it was trained."""
        return self.seed_noise == 0


SEED_NOISE_PCT = 0.16  # standard deviation of the final error of ResNet-110 over five seeds, [R] Table 6


def final(column: str) -> Callable[[Run], float | None]:
    """A column of the last row: the result is never the best row."""
    return lambda run: getattr(run.final, column) if run.final else None


def parameters(run: Run) -> float | None:
    return run.summary.get("parameters")


def mean_train_error_pct(run: Run) -> float | None:
    """Over the whole run: the smaller, the fewer steps to any accuracy."""
    return statistics.fmean(row.train_error_pct for row in run.rows) if run.rows else None


def steps_to(train_error_pct: float) -> Callable[[Run], float | None]:
    """The step of the first row whose running training error is below; the last step if there is none."""

    def step(run: Run) -> float | None:
        below = (row.step for row in run.rows if row.train_error_pct < train_error_pct)
        return float(next(below, run.rows[-1].step)) if run.rows else None

    return step


def median_layer_response(run: Run) -> float | None:
    """The median over the layers of a response's standard deviation at the end, as in [R] Fig. 7."""
    rows = [row for row in run.probes if row.probe == "layer_response"]
    values = [row.value for row in rows if row.step == rows[-1].step]
    return statistics.median(values) if values else None


def percentile_drift(run: Run) -> float | None:
    """How far a deep unit's percentiles wander: the standard deviation of each over the steps, averaged; [B] Fig. 1."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in run.probes:
        if row.probe == "input_percentiles":
            found[row.layer, row.name].append(row.value)
    return statistics.fmean(statistics.pstdev(values) for values in found.values()) if found else None


def weight_scale_deviation(run: Run) -> float | None:
    """How far the loss and the gradients, times the scale, are from those with the weights themselves; [B] 3.3."""
    return max((abs(row.value - 1) for row in run.probes if row.probe == "weight_scale"), default=None)


MEASURES: dict[str, Measure] = {
    "test_error_pct": Measure("test error", "%", final("test_error_pct"), SEED_NOISE_PCT),
    "train_error_pct": Measure("training error", "%", final("train_error_pct"), SEED_NOISE_PCT),
    "train_loss": Measure("training loss", "", final("train_loss"), digits=4),
    "mean_train_error_pct": Measure("training error, mean over the run", "%", mean_train_error_pct),
    "steps_to_80_pct_train_error": Measure("steps to less than 80 % training error", "", steps_to(80), digits=0),
    "steps_to_90_pct_train_error": Measure("steps to less than 90 % training error", "", steps_to(90), digits=0),
    "parameters": Measure("parameters", "", parameters, 0.0, digits=0),
    "median_layer_response": Measure("median layer response", "", median_layer_response, digits=3),
    "percentile_drift": Measure("percentile drift", "", percentile_drift, digits=3),
    "weight_scale_deviation": Measure(
        "relative change when weights before BN are scaled", "", weight_scale_deviation, 0.0, digits=4
    ),
}
