"""Finding the papers' net that a run trained, and the runs of a net."""

import pytest
from papers_runs import run_of_net

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.claims.net_results import net_result, nets_of, published_number
from resnet_repro.papers import NETS

BATCH_128, BATCH_64 = (f"identity_mappings/full-preactivation-1001{ending}" for ending in ("", "-batch64"))


@pytest.mark.parametrize("net", NETS)
def test_runs_of_each_net_are_found_under_its_name_only(net: str) -> None:
    [group] = comparable_groups([run_of_net(net)])
    assert nets_of(group.entries[0]) == [net]
    assert [name for name in NETS if net_result(group, name, "test_error_pct").runs] == [net]


def test_another_batch_size_matches_all_nets_that_differ_only_in_it() -> None:
    [group] = comparable_groups([run_of_net(BATCH_64, batch_size=32, steps=800, milestones=())])
    assert nets_of(group.entries[0]) == [BATCH_128, BATCH_64]
    number = published_number(group.entries[0], "test_error_pct")
    assert number is not None
    assert number.value == 4.92
