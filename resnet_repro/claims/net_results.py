"""Finds the runs of each of the papers' nets under one set of conditions."""

from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.claims.measures import MEASURES
from resnet_repro.claims.verdict import NetResult
from resnet_repro.papers import NETS, Number, find_number
from resnet_repro.record.run import Run
from resnet_repro.spec import ModelSpec, TrainingSpec
from resnet_repro.spec.naming import net_name

# Fields of `training` that change how a run is recorded or computed, but its result only in the last digits.
BOOKKEEPING = {"evaluate_every", "record_every", "clean_images", "precision", "recompute"}
RECIPES = {
    net: (ModelSpec.model_validate(recipe.model), TrainingSpec.model_validate(recipe.training))
    for net, recipe in NETS.items()
}


def nets_of(entry: Entry) -> list[str]:
    """Names of the papers' nets with the same model and warm-up; if several, those with the same batch size, if any."""
    alike = {
        net: training.batch_size
        for net, (model, training) in RECIPES.items()
        if (model, training.warmup) == (entry.model, entry.training.warmup)
    }
    return [net for net, size in alike.items() if size == entry.training.batch_size] or list(alike)


def published_number(entry: Entry, measure: str) -> Number | None:
    """The papers' final value for that net, at full length; None if it is not one of their nets."""
    return next((find_number(net, measure) for net in nets_of(entry)), None)


def net_result(group: Group, net: str, measure: str) -> NetResult:
    """The runs of a net that recorded the measure, one for each seed, and their mean.

    Under the paper's conditions, only runs that follow the paper's whole recipe count.
    """
    model, training = RECIPES[net]
    name = net_name(model)
    entries = [entry for entry in group.entries if entry.model == model]
    if entries and MEASURES[measure].is_exact:
        return _summarise(net, name, entries, measure)
    entries = [entry for entry in entries if net in nets_of(entry)]
    if group.condition.is_papers:
        entries = [entry for entry in entries if _recipe(entry.training) == _recipe(training)]
    if not entries:
        return NetResult(net, name, (), None)
    if any(_recipe(entry.training) != _recipe(entries[0].training) for entry in entries):
        specs = ", ".join(entry.runs[0].experiment.name for entry in entries)
        return NetResult(net, name, (), None, fault=f"{name} was trained in more than one way ({specs}); keep one")
    return _summarise(net, name, entries, measure)


def training_differences(left: NetResult, right: NetResult) -> list[str]:
    """The fields of `training` in which two nets differ, except the warm-up, which only deep nets have."""
    ours, theirs = (_recipe(result.runs[0].experiment.training) for result in (left, right))
    return [field for field in ours if ours[field] != theirs[field] and field != "warmup"]


def _recipe(training: TrainingSpec) -> dict[str, object]:
    return training.model_dump(exclude=BOOKKEEPING)


def _summarise(net: str, name: str, entries: list[Entry], measure: str) -> NetResult:
    runs = [run for entry in sorted(entries, key=lambda entry: -len(entry.runs)) for run in entry.runs]
    by_seed: dict[int, tuple[Run, float]] = {}
    for run in runs:
        value = MEASURES[measure].of(run) if run.status == "finished" else None
        if value is not None:
            by_seed.setdefault(run.experiment.seed, (run, value))
    diverged = len({run.experiment.seed for run in runs if run.status == "diverged"})
    if by_seed:
        values = estimate(value for _, value in by_seed.values())
        return NetResult(net, name, tuple(run for run, _ in by_seed.values()), values, diverged)
    finished = any(run.status == "finished" for run in runs)
    why = "diverged" if diverged else f"recorded no {MEASURES[measure].label}" if finished else "is unfinished"
    return NetResult(net, name, (), None, diverged, f"{name} {why}")
