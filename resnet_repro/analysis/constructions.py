"""Nets that have grown from shallower ones, beside the same nets from random weights; [R], section 1."""

from dataclasses import replace
from typing import NamedTuple

from resnet_repro.analysis.groups import LENGTH, Entry, Group


class Construction(NamedTuple):
    """A net that has grown and was trained on, the net from which it started, and the same from random weights."""

    grown: Entry
    source: Entry  # only the runs from which the finished ones of `grown` start, or all if none has finished
    scratch: Entry | None  # with as many steps in all, trained as the source was otherwise; None if there is none


def constructions(group: Group) -> list[Construction]:
    """The constructions of a group of grown nets whose sources were read too; none of other groups."""
    found = []
    for grown in group.entries:
        wanted = {run.experiment.source for run in grown.finished or grown.runs}
        source = next(
            (replace(entry, runs=runs) for entry in group.beside
             if (runs := tuple(run for run in entry.runs if run.experiment.label in wanted))), None,
        )  # fmt: skip
        if source:
            alike = (entry for entry in group.beside if not entry.start and entry.model == grown.model)
            as_long = (entry for entry in alike if entry.training.steps == grown.steps_in_all)
            scratch = (entry for entry in as_long if LENGTH.issuperset(entry.training_differences(source)))
            found.append(Construction(grown, source, next(scratch, None)))
    return found
