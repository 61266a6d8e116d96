"""Which of the papers' nets a run stands for, and which runs stand for a net."""

import pytest
from papers_runs import run_of_net

from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.claims.samples import nets_of, published_number, take_sample
from resnet_repro.papers import NETS

BATCH_128, BATCH_64 = (f"identity_mappings/full-preactivation-1001{ending}" for ending in ("", "-batch64"))


@pytest.mark.parametrize("net", NETS)
def test_each_net_of_the_papers_stands_for_itself_alone(net: str) -> None:
    [group] = comparable_groups([run_of_net(net)])
    assert nets_of(group.entries[0]) == [net]
    assert [name for name in NETS if take_sample(group, name, "test_error_pct").runs] == [net]


def test_a_net_trained_with_another_batch_size_stands_for_all_that_differ_in_nothing_else() -> None:
    [group] = comparable_groups([run_of_net(BATCH_64, batch_size=32, steps=800)])
    assert nets_of(group.entries[0]) == [BATCH_128, BATCH_64]
    number = published_number(group.entries[0], "test_error_pct")
    assert number is not None
    assert number.value == 4.92
