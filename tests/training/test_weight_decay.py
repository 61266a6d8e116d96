"""Weight decay on all parameters, or only on kernels and matrices."""

import copy
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from engines import CPU, batch_of, small_net

from resnet_repro.data import DATASETS
from resnet_repro.models.build import network_of
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec
from resnet_repro.training.engine import Engine


def test_weight_decay_acts_on_bn_by_default() -> None:
    engine = Engine(small_net(), CPU, "fp32", 0.9, False, 0.1)
    assert len(engine.optimizer.param_groups) == 1
    group = engine.optimizer.param_groups[0]
    assert group["weight_decay"] == 0.1
    assert [id(parameter) for parameter in group["params"]] == [id(parameter) for parameter in engine.net.parameters()]


Kind = tuple[dict[str, Any], list[str]]  # fields of the model, and vectors that only weight decay on "all" acts on
NETS: dict[str, Kind] = {
    "with BN": ({}, ["stem.bn1.weight", "stage1.0.branch.bn2.bias", "head.bias"]),
    "without BN": ({"normalization": "none"}, ["stem.conv1.bias", "head.bias"]),
    "with gates": ({"shortcut": "exclusive_gate", "gate_bias": -6.0}, ["stage1.0.shortcut.gate.bias"]),
    "with scalars": (
        {"normalization": "none", "initialization": "fixup"},
        ["stage1.0.branch.bias1.bias", "stage1.0.branch.multiplier1.multiplier"],
    ),
}


@pytest.mark.parametrize("decay_vectors", [True, False])
@pytest.mark.parametrize("kind", NETS)
def test_weight_decay_acts_on_all_parameters_or_only_on_kernels_and_matrices(kind: str, decay_vectors: bool) -> None:
    fields, vectors = NETS[kind]
    torch.manual_seed(0)
    net = network_of(ModelSpec(depth=8, width=16, **fields))
    for parameter in net.parameters():
        if parameter.dim() == 1:  # away from zero, where decay would do nothing
            parameter.data.add_(0.1)
    written_out = copy.deepcopy(net)
    engine = Engine(net, CPU, "fp32", 0.9, False, 0.3, decay_vectors)
    names = [name for name, _ in net.named_parameters()]
    decayed = {name for name in names if decay_vectors or (name.endswith("weight") and ".bn" not in name)}
    assert set(vectors) <= set(names)
    assert set(vectors).isdisjoint(decayed) != decay_vectors
    assert {"stem.conv1.weight", "stage2.0.branch.conv2.weight", "head.weight"} <= decayed

    velocity = {name: torch.zeros_like(parameter) for name, parameter in written_out.named_parameters()}
    for step, rate in enumerate([0.05, 0.02, 0.05]):
        images, labels = batch_of(6, seed=step, side=16)
        engine.train_step(images, labels, rate)
        gradients = torch.autograd.grad(F.cross_entropy(written_out(images), labels), list(written_out.parameters()))
        for (name, parameter), gradient in zip(written_out.named_parameters(), gradients, strict=True):
            decay = 0.3 * parameter.detach() if name in decayed else 0
            velocity[name] = 0.9 * velocity[name] + gradient + decay
            parameter.data.sub_(rate * velocity[name])
    for (name, ours), expected in zip(net.named_parameters(), written_out.parameters(), strict=True):
        assert torch.allclose(ours, expected, rtol=1e-4, atol=1e-5), name


def test_every_parameter_is_in_exactly_one_group() -> None:
    for decay_vectors in (True, False):
        engine = Engine(small_net(), CPU, "fp32", 0.9, False, 0.1, decay_vectors)
        updated = [id(parameter) for group in engine.optimizer.param_groups for parameter in group["params"]]
        assert sorted(updated) == sorted(id(parameter) for parameter in engine.net.parameters())


@pytest.mark.parametrize(("weight_decay_on", "decayed"), [("all", 23), ("weights", 8)])
def test_a_runs_weight_decay_is_that_of_its_spec(weight_decay_on: Literal["all", "weights"], decayed: int) -> None:
    experiment = Experiment(
        name="x",
        model=ModelSpec(depth=8, width=2),
        data=DataSpec(dataset="synthetic", train_images=16, test_images=10),
        training=TrainingSpec(steps=1, batch_size=8, clean_images=8, weight_decay=0.2, weight_decay_on=weight_decay_on),
    )
    engine = build_trainer(experiment, DATASETS["synthetic"](Path(), 16, 10), CPU).engine
    groups = [group for group in engine.optimizer.param_groups if group["weight_decay"]]
    assert [group["weight_decay"] for group in groups] == [0.2]
    assert len(groups[0]["params"]) == decayed
    assert sum(len(group["params"]) for group in engine.optimizer.param_groups) == 23
