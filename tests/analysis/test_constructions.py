"""Grown nets stand apart from those from random weights, and beside those with which they are compared."""

from dataclasses import replace

from conftest import make_run
from constructed import grown_run, suite

from resnet_repro.analysis.constructions import constructions
from resnet_repro.analysis.families import depth_families
from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.claims.net_results import nets_of


def test_grown_nets_are_a_group_of_their_own_with_their_sources_and_the_nets_from_random_weights_beside() -> None:
    groups = comparable_groups(suite())
    assert [(group.condition.steps, group.condition.grown) for group in groups] == [
        (400, False), (400, True), (800, False),
    ]  # fmt: skip
    assert [group.beside for group in groups if not group.condition.grown] == [(), ()]
    (found,) = constructions(groups[1])
    assert found.scratch
    assert [entry.name for entry in (found.source, found.grown, found.scratch)] == [
        "plain-20",
        "plain-56 grown",
        "plain-56",
    ]
    assert " · grown nets trained on for " in groups[1].title()
    assert groups[1].condition.slug.endswith("-grown")


def test_a_grown_net_is_none_of_the_papers_and_no_member_of_a_family_from_random_weights() -> None:
    groups = comparable_groups([*suite(), make_run(56, seed=3)])
    grown = next(group for group in groups if group.condition.grown)
    assert nets_of(grown.entries[0]) == []
    assert all(len(family.entries) == 1 for family in depth_families(grown))


def test_nets_that_have_grown_from_sources_of_other_lengths_are_neither_repeats_nor_averaged() -> None:
    first, second = grown_run(0), grown_run(1)
    start = {**second.environment["start"], "steps": 800, "weights_sha256": "1" * 64}
    longer = replace(second, environment=second.environment | {"start": start})
    (group,) = comparable_groups([first, longer])
    assert [len(entry.runs) for entry in group.entries] == [1, 1]
    assert sorted(entry.steps_in_all for entry in group.entries) == [800, 1200]
    assert first.start_digest != longer.start_digest


def test_without_its_source_or_with_another_length_there_is_nothing_to_compare() -> None:
    (alone,) = comparable_groups([grown_run(0)])
    assert constructions(alone) == []
    runs = [run for run in suite() if run.experiment.training.steps == 400]
    grown = next(group for group in comparable_groups(runs) if group.condition.grown)
    assert [found.scratch for found in constructions(grown)] == [None]
