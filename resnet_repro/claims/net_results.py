"""Finds the runs of each of the papers' nets under one set of conditions."""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from resnet_repro.analysis.constructions import constructions
from resnet_repro.analysis.estimate import Estimate, estimate
from resnet_repro.analysis.groups import BOOKKEEPING, LENGTH, Entry, Group
from resnet_repro.analysis.measures import MEASURES
from resnet_repro.claims.verdict import NetResult
from resnet_repro.papers import NETS, NUMBERS, Number, find_number
from resnet_repro.papers.claims import CONSTRUCTED, GROWN, SCRATCH, SHALLOW
from resnet_repro.record.run import Run
from resnet_repro.spec import PAPER_STEPS, ModelSpec, TrainingSpec
from resnet_repro.spec.naming import net_name

RECIPES = {
    net: (ModelSpec.model_validate(recipe.model), TrainingSpec.model_validate(recipe.training))
    for net, recipe in NETS.items()
}


def _name(net: str) -> str:
    """The name of a net, with "without warm-up" if one of the same name has a warm-up."""
    model, training = RECIPES[net]
    is_cold = training.warmup is None and any(other == model and recipe.warmup for other, recipe in RECIPES.values())
    return net_name(model) + " without warm-up" * is_cold


def nets_of(entry: Entry) -> list[str]:
    """Names of the papers' nets with the same model and warm-up; if several, those with the same batch size, if any.

    A net that has grown from a trained one is none of them.
    """
    if entry.start:
        return []
    alike = {
        net: training.batch_size
        for net, (model, training) in RECIPES.items()
        if (model, training.warmup) == (entry.model, entry.training.warmup)
    }
    return [net for net, size in alike.items() if size == entry.training.batch_size] or list(alike)


def published_number(entry: Entry, measure: str) -> Number | None:
    """The papers' final value for that net, at full length; None if it is not one of their nets.

    Beside runs of the papers' schedule, only those that follow the whole recipe have one.
    """
    found = ((find_number(net, measure), RECIPES[net][1]) for net in nets_of(entry))
    same_length = entry.training.steps == PAPER_STEPS
    return next((number for number, recipe in found if not same_length or _follows(entry, recipe)), None)


def net_result(group: Group, net: str, measure: str) -> NetResult:
    """The runs of a net that recorded the measure, one for each seed, and their mean.

    Under the paper's conditions, only runs that follow the paper's whole recipe count; for a step at which something
    has happened, also runs that follow it for fewer steps.
    """
    if net in CONSTRUCTED:
        return _constructed(group, net, measure)
    model, training = RECIPES[net]
    name = _name(net)
    entries = [entry for entry in group.entries if entry.model == model]
    if entries and MEASURES[measure].is_exact:
        return _summarise(net, name, entries, measure)
    entries = [entry for entry in entries if net in nets_of(entry)]
    if group.condition.is_papers:
        entries = [entry for entry in entries if _follows(entry, training)]
    elif MEASURES[measure].is_step:
        entries = [entry for entry in entries if _follows(entry, training, beside=LENGTH)]
    if not entries:
        return NetResult(net, name, (), None)
    if any((entry.recipe, entry.imported) != (entries[0].recipe, entries[0].imported) for entry in entries):
        ways = ", ".join(map(_way, entries))
        return NetResult(net, name, (), None, fault=f"{name} was trained in more than one way ({ways}); keep one")
    return _summarise(net, name, entries, measure)


def _way(entry: Entry) -> str:
    """How a net was trained, as far as one net is told from another: "plain20 in bf16 with mine.py 0123456789"."""
    spec = f"{entry.runs[0].experiment.name} in {entry.runs[0].precision}"
    return f"{spec} with {entry.imported}" if entry.imported else spec


def _constructed(group: Group, net: str, measure: str) -> NetResult:
    """The runs of a net of the construction from plain-20 to plain-56; the grown net was trained on as plain-20 was."""
    name = CONSTRUCTED[net]
    ours = (RECIPES["plain20"][0], RECIPES["plain56"][0])
    for found in constructions(group):
        changed = set(found.grown.training_differences(found.source)) - {"start"}
        same_images = found.source.training.clean_images == found.grown.training.clean_images
        if (found.source.model, found.grown.model) == ours and not changed and same_images:
            entry = {SHALLOW: found.source, GROWN: found.grown, SCRATCH: found.scratch}[net]
            return _summarise(net, name, [entry] if entry else [], measure) if entry else NetResult(net, name, (), None)
    return NetResult(net, name, (), None)


def _follows(entry: Entry, recipe: TrainingSpec, beside: AbstractSet[str] = frozenset()) -> bool:
    """Whether a net was trained by a recipe, in any precision, except for the fields `beside`."""
    exclude = BOOKKEEPING | beside
    return entry.training.model_dump(exclude=exclude) == recipe.model_dump(exclude=exclude)


def papers_result(net: str, measure: str) -> NetResult:
    """The papers' own mean and spread of a net over five runs."""
    number = next(n for n in NUMBERS if (n.net, n.measure, n.statistic) == (net, measure, "mean of five"))
    return NetResult(
        net, f"the published {net.replace('resnet', 'ResNet-')}", (), Estimate(number.value, number.std, 5)
    )


def _summarise(net: str, name: str, entries: list[Entry], measure: str) -> NetResult:
    runs = [run for entry in sorted(entries, key=lambda entry: -len(entry.runs)) for run in entry.runs]
    by_seed: dict[int, tuple[Run, float]] = {}
    for run in runs:
        value = MEASURES[measure].of(run) if run.status == "finished" else None
        if value is not None:
            by_seed.setdefault(run.experiment.seed, (run, value))
    diverged = len({run.experiment.seed for run in runs if run.status == "diverged"})
    found = NetResult(net, name, tuple(run for run, _ in by_seed.values()), None, tuple(entries), diverged)
    if by_seed:
        return replace(found, estimate=estimate(value for _, value in by_seed.values()))
    finished = any(run.status == "finished" for run in runs)
    why = "diverged" if diverged else f"recorded no {MEASURES[measure].label}" if finished else "is unfinished"
    return replace(found, fault=f"{name} {why}")
