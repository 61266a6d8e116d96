"""The numbers of a run that claims compare. To add one, write a function of a run and add a line to `MEASURES`."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from resnet_repro.record.last_epoch import mean_between
from resnet_repro.record.run import Run


class Measure(NamedTuple):
    """One number of a run; `of` returns None if the run did not record it."""

    label: str
    of: Callable[[Run], float | None]
    digits: int = 2  # after the decimal point
    is_exact: bool = False  # whether the value depends on the net only, not on its training
    is_published: bool = False  # whether the papers give its spread between seeds
    images: Callable[[Run], int] | None = None  # if it is the share of images that are wrong: their number
    is_step: bool = False  # whether it is the step of a row, at which something had happened

    def resolution(self, runs: Iterable[Run]) -> float:
        """The distance of two values of these runs that can be told apart."""
        if not self.is_step:
            return 10.0**-self.digits
        return float(max(run.experiment.steps_of(run.experiment.training.record_every) for run in runs))


def result(column: str) -> Callable[[Run], float | None]:
    """The run's result in a column of metrics.csv."""
    return lambda run: run.result(column)


def train_images(run: Run) -> int:
    """The number of images of a training epoch."""
    return run.experiment.data.epoch_images


def test_images(run: Run) -> int:
    """The number of images that the net is tested on: held-out training images if there are any."""
    return run.experiment.data.validation_images or run.experiment.data.test_images


def parameters(run: Run) -> float | None:
    """The number of trainable values of the net; None if the run did not record it."""
    return run.summary.get("parameters")


def given(column: str) -> Callable[[Run], float | None]:
    """The error with which the net of a run began, if it has grown from another one; of other runs, the last one."""
    return lambda run: getattr(run.rows[0], column) if run.rows and run.rows[0].step == 0 else run.result(column)


def mean_train_error_pct(run: Run) -> float | None:
    """The mean over all steps of a run; the smaller it is, the earlier the net reached a given accuracy."""
    return mean_between(run.rows, "train_error_pct", 0, run.rows[-1].step) if run.rows else None


def steps_to(train_error_pct: float, stays: bool = False) -> Callable[[Run], float | None]:
    """The step of the first row whose running training error is below the given one; the last step if none is.

    `stays`: of the first row from which on it is. A net that guesses has 90 %, and so a row below that now and then.
    """

    def step(run: Run) -> float | None:
        first: int | None = None
        for row in run.rows:
            if row.train_error_pct is not None and row.train_error_pct < train_error_pct:
                first = first or row.step
            elif stays:
                first = None
        return float(first or run.rows[-1].step) if run.rows else None

    return step


def median_layer_response(run: Run) -> float | None:
    """The median over the layers of the standard deviation of their responses at the end, as in [R] Fig. 7."""
    rows = [row for row in run.probes if row.probe == "layer_response"]
    values = [row.value for row in rows if row.step == rows[-1].step]
    return statistics.median(values) if values else None


def percentile_drift(run: Run) -> float | None:
    """The standard deviation over the steps of each percentile of a deep unit's input, averaged; [B] Fig. 1b, c."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in run.probes:
        if row.probe == "input_percentiles":
            found[row.layer, row.name].append(row.value)
    return statistics.fmean(statistics.pstdev(values) for values in found.values()) if found else None


def weight_scale_deviation(run: Run) -> float | None:
    """The largest relative change of the loss, or of a gradient times the scale, if weights are scaled; [B] 3.3."""
    return max((abs(row.value - 1) for row in run.probes if row.probe == "weight_scale"), default=None)


MEASURES: dict[str, Measure] = {
    "test_error_pct": Measure("test error", result("test_error_pct"), is_published=True, images=test_images),
    "train_error_pct": Measure("training error", result("train_error_pct"), images=train_images),
    "train_error_clean_pct": Measure("clean training error", result("train_error_clean_pct")),
    "train_loss": Measure("training loss", result("train_loss"), digits=4),
    "mean_train_error_pct": Measure("training error, mean over the run", mean_train_error_pct),
    "steps_to_80_pct_train_error": Measure("steps to less than 80 % training error", steps_to(80), 0, is_step=True),
    "steps_to_90_pct_train_error": Measure(
        "steps until training error stays below 90 %", steps_to(90, stays=True), 0, is_step=True
    ),
    "given_train_error_pct": Measure(
        "clean training error before any step on", given("train_error_clean_pct"), is_exact=True
    ),
    "given_test_error_pct": Measure("test error before any step on", given("test_error_pct"), is_exact=True),
    "parameters": Measure("parameters", parameters, digits=0, is_exact=True),
    "median_layer_response": Measure("median layer response", median_layer_response, digits=3),
    "percentile_drift": Measure("percentile drift", percentile_drift, digits=3),
    "weight_scale_deviation": Measure(
        "relative change if weights before BN are scaled", weight_scale_deviation, digits=4, is_exact=True
    ),
}
