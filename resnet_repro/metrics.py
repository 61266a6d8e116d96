"""One row of `metrics.csv`, and one of `probes.csv`: what is measured while a net trains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measurement after `step` iterations. The field names are the columns of `metrics.csv`.

    Errors are percentages. `train_loss` and `train_error_pct` are the running ones: the mean over the
    augmented mini-batches since the row before, as they were trained on. `train_error_clean_pct`
    is measured in evaluation mode, without augmentation, on the first `training.clean_images`
    training images. The three evaluated fields are None in rows between two evaluations, and
    after a divergence.
    """

    step: int
    epoch: float
    learning_rate: float
    train_loss: float
    train_error_pct: float
    train_error_clean_pct: float | None
    test_loss: float | None
    test_error_pct: float | None
    images_per_second: float
    elapsed_seconds: float


@dataclass(frozen=True)
class ProbeRow:
    """A value found inside the net after `step` iterations. The field names are the columns of `probes.csv`.

    `probe` is what was measured, `layer` where, and `name` tells values of one place apart, such as p15 and p85.
    """

    step: int
    probe: str
    layer: str
    name: str
    value: float
