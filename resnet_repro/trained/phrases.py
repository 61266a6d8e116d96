"""How a trained net is spoken of, in terminals, figures and model cards."""

from resnet_repro.spec import PAPER_STEPS, TrainingSpec


def schedule_phrase(training: TrainingSpec) -> str:
    """How long a net was trained, and whether that is short: "400 steps of 64 (short: ...)"."""
    return (
        f"{training.steps} steps of {training.batch_size}{f' ({short})' if (short := short_phrase(training)) else ''}"
    )


def short_phrase(training: TrainingSpec) -> str:
    """Nothing, where the schedule is no shorter than that of [R] section 4.2."""
    return f"short: the paper's schedule has {PAPER_STEPS}" if training.steps < PAPER_STEPS else ""
