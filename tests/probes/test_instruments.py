"""Instruments change nothing: not the net, its statistics, its mode or its next step."""

import copy
from typing import get_args

import pytest
import torch
from small_nets import engine_of, images_and_labels, instruments_on, small_net, state_of
from torch import nn

from resnet_repro.models.layers import Dropout
from resnet_repro.models.network import Network
from resnet_repro.probes import GRADIENT_NORM, PROBES, WEIGHT_SCALE, Instruments
from resnet_repro.spec import ProbesSpec
from resnet_repro.spec.probes import Probe

EVERY_PROBE = get_args(Probe)


def modes(net: Network) -> set[bool]:
    return {module.training for module in net.modules()}


def test_the_spec_names_exactly_the_existing_probes() -> None:
    assert set(EVERY_PROBE) == {*PROBES, GRADIENT_NORM, WEIGHT_SCALE}


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"dropout": 0.5},
        {"shortcut": "dropout", "shortcut_dropout": 0.5},
        {"batch_norm_splits": 2},
        {"unit": "full_preactivation"},
        {"shortcut": "none", "normalization": "none"},
        {"normalization": "none", "initialization": "fixup"},
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_measuring_between_two_steps_changes_nothing(model: dict[str, object], training: bool) -> None:
    net, (images, labels) = small_net(**model), images_and_labels(4)
    watched, alone = engine_of(net), engine_of(copy.deepcopy(net))
    instruments = instruments_on(watched, *EVERY_PROBE)
    for engine in (watched, alone):
        engine.train_step(images, labels, 0.1)
        if not training:  # as after a row with an evaluation
            engine.evaluate(images, labels)
    before, buffers = state_of(net), [id(tensor) for tensor in net.buffers()]
    assert len(list(instruments.measure(1))) > 10
    assert all(torch.equal(tensor, before[name]) for name, tensor in watched.net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in watched.net.modules())
    assert [id(tensor) for tensor in net.buffers()] == buffers

    for engine in (watched, alone):
        for dropout in (module for module in engine.net.modules() if isinstance(module, Dropout)):
            dropout.seed.fill_(5)
    outcomes = [engine.train_step(images, labels, 0.1) for engine in (watched, alone)]
    assert modes(watched.net) == {True}
    assert torch.equal(outcomes[0].loss, outcomes[1].loss)
    ours, theirs = watched.net.state_dict(), alone.net.state_dict()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert any(not torch.equal(ours[name], before[name]) for name in ours)


def test_an_evaluation_after_measuring_is_that_of_the_population_statistics() -> None:
    net, (images, labels) = small_net(), images_and_labels()
    engine = engine_of(net)
    before = engine.evaluate(images, labels)
    list(instruments_on(engine, *EVERY_PROBE).measure(3))
    assert torch.equal(engine.evaluate(images, labels).loss, before.loss)
    assert modes(net) == {False}
    assert all(module.running_mean is not None for module in net.modules() if isinstance(module, nn.BatchNorm2d))


def test_a_measurement_that_fails_leaves_the_net_as_it_was() -> None:
    net = small_net()
    engine = engine_of(net)
    before = state_of(net)
    instruments = instruments_on(engine, "layer_response", "dead_units")
    instruments.images = torch.zeros(5, 1, 32, 32)  # one colour channel, which the net refuses
    with pytest.raises(RuntimeError):
        list(instruments.measure(1))
    assert not any(module._forward_hooks for module in net.modules())
    assert state_of(net).keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_measuring_draws_nothing_at_random() -> None:
    engine = engine_of(small_net(dropout=0.5))
    instruments = instruments_on(engine, *EVERY_PROBE)
    engine.train_step(*images_and_labels(4), 0.1)
    before = torch.get_rng_state()
    assert list(instruments.measure(1)) == list(instruments.measure(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_probes_give_the_same_values_together_and_alone() -> None:
    engine = engine_of(small_net())
    engine.train_step(*images_and_labels(4), 0.1)
    together = list(instruments_on(engine, *EVERY_PROBE).measure(4))
    alone = [row for probe in EVERY_PROBE for row in instruments_on(engine, probe).measure(4)]
    assert sorted(together, key=repr) == sorted(alone, key=repr)
    assert {row.probe for row in together} == set(EVERY_PROBE)
    assert {row.step for row in together} == {4}


def test_the_images_are_measured_as_one_batch_for_any_batch_sizes() -> None:
    engine, (images, labels) = engine_of(small_net()), images_and_labels()
    spec = ProbesSpec(measure=("layer_response", "dead_units", "branch_to_shortcut"))
    found = [
        list(Instruments(spec, 1, 1, engine, zip(images.split(size), labels.split(size), strict=True)).measure(1))
        for size in (1, 2, 5)
    ]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("every", "last", "steps"),
    [(5, 12, [1, 5, 10, 12]), (4, 12, [1, 4, 8, 12]), (1, 3, [1, 2, 3]), (100, 12, [1, 12]), (1, 1, [1])],
)
def test_it_measures_after_the_first_step_every_few_steps_and_the_last_step(
    every: int, last: int, steps: list[int]
) -> None:
    images, labels = images_and_labels()
    spec = ProbesSpec(measure=("dead_units",))
    instruments = Instruments(spec, every, last, engine_of(small_net()), [(images, labels)])
    assert [step for step in range(1, last + 1) if instruments.due(step)] == steps


def test_a_net_that_overflows_yields_only_finite_values() -> None:
    net = small_net(normalization="none")
    with torch.no_grad():
        net.get_parameter("stage2.0.branch.conv1.weight").fill_(float("inf"))
    rows = list(instruments_on(engine_of(net), "layer_response", "branch_to_shortcut", "input_percentiles").measure(1))
    layers = {row.layer for row in rows}
    assert {"stem.conv1", "stage1.0.branch.conv2", "stage1.0"} <= layers
    assert not any(layer.startswith(("stage2.0", "stage3")) for layer in layers)
    assert all(abs(row.value) < float("inf") for row in rows)
