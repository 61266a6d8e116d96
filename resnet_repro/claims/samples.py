"""Which runs stand for a net of the papers under one set of conditions."""

from resnet_repro.analysis.estimate import estimate
from resnet_repro.analysis.groups import Entry, Group
from resnet_repro.claims.measures import MEASURES
from resnet_repro.claims.verdict import Sample
from resnet_repro.papers import NETS, Number, find_number
from resnet_repro.record.run import Run
from resnet_repro.spec import ModelSpec, TrainingSpec
from resnet_repro.spec.naming import net_name

# How a run is recorded and computed; what it comes to does not depend on it, but for the last digits.
BOOKKEEPING = {"evaluate_every", "record_every", "clean_images", "precision", "recompute"}
RECIPES = {
    net: (ModelSpec.model_validate(recipe.model), TrainingSpec.model_validate(recipe.training))
    for net, recipe in NETS.items()
}


def nets_of(entry: Entry) -> list[str]:
    """The papers' nets that it stands for: by model and warm-up, and by batch size where that alone tells two apart."""
    alike = {
        net: training.batch_size
        for net, (model, training) in RECIPES.items()
        if (model, training.warmup) == (entry.model, entry.training.warmup)
    }
    return [net for net, size in alike.items() if size == entry.training.batch_size] or list(alike)


def published_number(entry: Entry, measure: str) -> Number | None:
    """What the papers ended with for that net, at their full length; None if it is none of theirs."""
    return next((find_number(net, measure) for net in nets_of(entry)), None)


def take_sample(group: Group, net: str, measure: str) -> Sample:
    """The net's runs, one a seed, that hold the measure. Under the paper's conditions only runs of its whole recipe."""
    model, training = RECIPES[net]
    name = net_name(model)
    entries = [entry for entry in group.entries if entry.model == model]
    if entries and MEASURES[measure].is_exact:
        return _summarise(net, name, entries, measure)
    entries = [entry for entry in entries if net in nets_of(entry)]
    if group.condition.is_papers:
        entries = [entry for entry in entries if _recipe(entry.training) == _recipe(training)]
    if not entries:
        return Sample(net, name, (), None)
    if any(_recipe(entry.training) != _recipe(entries[0].training) for entry in entries):
        specs = ", ".join(entry.runs[0].experiment.name for entry in entries)
        return Sample(net, name, (), None, fault=f"{name} was trained in more than one way ({specs}); keep one")
    return _summarise(net, name, entries, measure)


def trained_unlike(left: Sample, right: Sample) -> list[str]:
    """The fields of `training` in which two nets differ, but for the warm-up, which deep nets alone have."""
    ours, theirs = (_recipe(sample.runs[0].experiment.training) for sample in (left, right))
    return [field for field in ours if ours[field] != theirs[field] and field != "warmup"]


def _recipe(training: TrainingSpec) -> dict[str, object]:
    return training.model_dump(exclude=BOOKKEEPING)


def _summarise(net: str, name: str, entries: list[Entry], measure: str) -> Sample:
    runs = [run for entry in sorted(entries, key=lambda entry: -len(entry.runs)) for run in entry.runs]
    by_seed: dict[int, tuple[Run, float]] = {}
    for run in runs:
        value = MEASURES[measure].of(run) if run.status == "finished" else None
        if value is not None:
            by_seed.setdefault(run.experiment.seed, (run, value))
    diverged = len({run.experiment.seed for run in runs if run.status == "diverged"})
    if by_seed:
        values = estimate(value for _, value in by_seed.values())
        return Sample(net, name, tuple(run for run, _ in by_seed.values()), values, diverged)
    finished = any(run.status == "finished" for run in runs)
    why = "diverged" if diverged else f"recorded no {MEASURES[measure].label}" if finished else "is unfinished"
    return Sample(net, name, (), None, diverged, f"{name} {why}")
