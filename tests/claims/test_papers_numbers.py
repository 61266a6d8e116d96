"""The papers' numbers and claims agree with each other, with the specs and with our nets."""

from functools import cache

import pytest
import torch
from conftest import REPOSITORY

from resnet_repro.analysis.measures import MEASURES
from resnet_repro.analysis.noise import exact
from resnet_repro.claims.judging import decide
from resnet_repro.papers import CLAIMS, NETS, NUMBERS, Claim, Number, find_number
from resnet_repro.papers.claims import CONSTRUCTED
from resnet_repro.runner.assembly import build_net
from resnet_repro.spec import ModelSpec, TrainingSpec
from resnet_repro.spec.file import load_spec

EXPERIMENTS = REPOSITORY / "experiments"
WITHOUT_NUMBERS = {"C9", "I3", "I10", "B1", "B2", "B3", "C13"}  # claims with checks that the papers show only as curves


@pytest.mark.parametrize("name", NETS)
def test_each_recipe_is_that_of_its_spec(name: str) -> None:
    spec = load_spec(EXPERIMENTS / f"{name}.yaml")
    assert ModelSpec.model_validate(NETS[name].model) == spec.model
    if not name.startswith("batchnorm/"):  # their schedule is ours, not the paper's
        assert TrainingSpec.model_validate(NETS[name].training) == spec.training


def test_every_net_of_the_papers_has_its_recipe() -> None:
    specs = [path for path in EXPERIMENTS.glob("*.yaml") if "nobn" not in path.name]
    specs += EXPERIMENTS.glob("identity_mappings/*.yaml")
    assert {str(path.relative_to(EXPERIMENTS).with_suffix("")) for path in specs} == {
        name for name in NETS if not name.startswith("batchnorm/")
    }


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_the_papers_own_numbers_reproduce_each_claim(claim: Claim) -> None:
    judged = 0
    for check in claim.checks:
        nets = [net for net in (check.net, check.than) if net]
        known = [number for net in nets if (number := find_number(net, check.measure))]
        if len(known) < len(nets):
            continue
        judged += 1
        if any(number.relation != "=" for number in known):  # the paper gives only a bound
            assert _bound_holds(check.low, check.high, known), (claim.id, check)
            continue
        value = known[0].value - (known[1].value if len(known) > 1 else 0.0)
        assert decide(exact(value), check) == "reproduced", (claim.id, check)
    assert judged == len(claim.checks) or claim.id in WITHOUT_NUMBERS
    assert judged or claim.id in {"C9", "I10", "B1", "B2", "B3", "C13"}


def _bound_holds(low: float, high: float, numbers: list[Number]) -> bool:
    first = numbers[0]
    if len(numbers) == 1:
        return first.value >= low if first.relation == ">" else first.value <= high
    return first.relation == ">" and first.value - numbers[1].value > low


def test_every_claim_compares_known_nets_and_measures() -> None:
    for claim in CLAIMS.values():
        for check in claim.checks:
            assert check.measure in MEASURES
            assert {check.net, *([] if check.is_published else [check.than])} <= {None, *NETS, *CONSTRUCTED}
            assert check.low < check.high


def test_every_number_is_of_one_of_our_nets_or_of_one_that_the_papers_compare_with() -> None:
    others = {number.net for number in NUMBERS} - NETS.keys()
    assert others == {
        "FitNet-19", "Highway-19", "Highway-32", "Maxout", "NIN", "DSN", "BN of 128 maps",
        *(f"{unit}-{depth}, CIFAR-100" for unit in ("original", "full-preactivation") for depth in (164, 1001)),
    }  # fmt: skip
    assert all(number.measure in MEASURES for number in NUMBERS)


def test_the_numbers_of_one_net_agree_from_table_to_table() -> None:
    found: dict[tuple[str, str], list[float]] = {}
    for number in NUMBERS:
        if number.measure == "test_error_pct" and number.relation == "=":
            found.setdefault((number.net, number.statistic), []).append(number.value)
    for (net, _), values in found.items():
        assert max(values) - min(values) <= 0.06, net  # a figure is read to 0.1


@pytest.mark.parametrize(
    "number", [n for n in NUMBERS if n.measure == "parameters" and n.net in NETS], ids=lambda n: f"{n.net}, {n.kind}"
)
def test_the_parameters_are_those_of_the_nets_we_build(number: Number) -> None:
    if number.kind == "computed":
        assert counted(number.net) == number.value
    else:
        assert counted(number.net) == pytest.approx(number.value, rel=0.03)  # printed with two digits


@cache
def counted(name: str) -> int:
    with torch.device("meta"):
        net = build_net(load_spec(EXPERIMENTS / f"{name}.yaml"))
    return sum(parameter.numel() for parameter in net.parameters())
