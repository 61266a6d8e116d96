"""A net that grew deeper computes what it did: in evaluation up to rounding, in training nearly."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from resnet_repro.data.dataset import Dataset
from resnet_repro.data.synthetic import load_synthetic
from resnet_repro.errors import SpecError
from resnet_repro.models.network import Network
from resnet_repro.runner.assembly import build_net
from resnet_repro.runner.start import grow, passing_moments
from resnet_repro.spec import Experiment
from resnet_repro.spec.file import validated
from resnet_repro.spec.yaml_source import Source

PLAIN: list[dict[str, Any]] = [
    {"shortcut": "none"},
    {"shortcut": "none", "block": "single_layer"},
    {"shortcut": "none", "normalization": "none"},
    {"unit": "bn_after_addition"},
    {"shortcut": "conv1x1"},
]
RESIDUAL: list[dict[str, Any]] = [
    {},
    {"option": "B"},
    {"unit": "full_preactivation"},
    {"unit": "relu_only_preactivation", "activation": "sigmoid"},
    {"unit": "relu_before_addition", "activation": "tanh"},
    {"block": "bottleneck"},
    {"block": "bottleneck", "unit": "full_preactivation"},
    {"normalization": "none"},
    {"normalization": "none", "initialization": "fixup"},
    {"shortcut": "scaled", "shortcut_scale": 1, "branch_scale": 0.5},
    {"dropout": 0.3, "batch_norm_splits": 2},
]
DEPTHS = {"bottleneck": (11, 20), "single_layer": (8, 14)}


@pytest.fixture(autouse=True)
def _few_mini_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.runner.start.MEASURED_STEPS", 4)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_synthetic(None, 64, 10)  # type: ignore[arg-type]  # which reads no folder


def experiment(depth: int, model: dict[str, Any], **start: Any) -> Experiment:
    values = {"name": "deep", "model": {"depth": depth, "width": 4, **model}, "training": {"batch_size": 32}}
    return validated(Source({**values, "data": {"dataset": "synthetic", "train_images": 64}, **start}))


def grown(model: dict[str, Any], dataset: Dataset, kind: torch.dtype) -> tuple[Network, Network, Tensor]:
    """A net whose layers are all far from their initial values, the net that it grew into, and images."""
    shallow, deep = DEPTHS.get(model.get("block", ""), (8, 14))
    net = build_net(experiment(shallow, model))
    random = torch.Generator().manual_seed(0)
    images = torch.randn(8, 3, 32, 32, generator=random)
    for _ in range(10):
        net(images)  # moves the population statistics
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=random)
    target = experiment(deep, model, start={"run": "shallow"})
    moments = passing_moments(net, target, dataset)
    net = net.to(kind).eval()
    return net, grow(net, target, lambda: moments).eval(), images.to(kind)


@pytest.mark.parametrize("model", [*PLAIN, *RESIDUAL], ids=str)
def test_a_grown_net_gives_the_same_outputs_in_evaluation(model: dict[str, Any], dataset: Dataset) -> None:
    shallow, deep, images = grown(model, dataset, torch.float64)
    with torch.no_grad():
        outputs, ours = shallow(images), deep(images)
    difference = float((ours - outputs).abs().max())
    assert difference <= (1e-13 if model in PLAIN else 0.0)
    assert outputs.std() > 0.01
    assert len(list(deep.parameters())) > len(list(shallow.parameters()))


@pytest.mark.parametrize("model", [PLAIN[0], RESIDUAL[0]], ids=str)
def test_the_weights_with_which_a_run_starts_give_the_same_outputs_up_to_their_rounding(
    model: dict[str, Any], dataset: Dataset
) -> None:
    shallow, deep, images = grown(model, dataset, torch.float32)
    with torch.no_grad():
        assert float((deep(images) - shallow(images)).abs().max()) < 5e-6


@pytest.mark.parametrize("model", [*PLAIN, RESIDUAL[0]], ids=str)
def test_a_grown_net_gives_nearly_the_same_outputs_in_training(model: dict[str, Any], dataset: Dataset) -> None:
    """With BN that took the statistics of its own start, (0, 1), for those of what passes, they would be unrelated."""
    shallow, deep, _ = grown(model, dataset, torch.float32)
    images = torch.from_numpy(dataset.train.images[:32]).permute(0, 3, 1, 2) / 128 - 1
    with torch.no_grad():
        ours, theirs = (copy.deepcopy(net).train()(images) for net in (deep, shallow))
    assert float((ours - theirs).std() / theirs.std()) < (0.2 if model in PLAIN else 1e-6)


def test_added_units_can_learn(dataset: Dataset) -> None:
    for model in (*PLAIN, *RESIDUAL):
        _, deep, images = grown(model, dataset, torch.float32)
        deep.train()(images).square().sum().backward()
        for stage in deep.stages():
            assert any(parameter.grad is not None and parameter.grad.any() for parameter in stage[-1].parameters()), (
                model
            )


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({"shortcut": "none", "activation": "tanh"}, "model.activation: tanh changes what passes it"),
        ({"activation": "sigmoid"}, "model.activation: sigmoid changes what passes it"),
        ({"shortcut": "none", "block": "bottleneck", "depth": 20}, "model.block: a plain bottleneck lets a quarter"),
        ({"shortcut": "none", "dropout": 0.1}, "model.dropout: drops some of what passes"),
        ({"shortcut": "exclusive_gate", "gate_bias": -1}, "model.shortcut: a gate is never fully open"),
        ({"shortcut": "scaled", "shortcut_scale": 0.5, "branch_scale": 0.5}, "model.shortcut_scale: 0.5 scales"),
        ({"shortcut": "dropout", "shortcut_dropout": 0.5}, "model.shortcut_dropout: drops some of what passes"),
        ({"shortcut": "conv1x1", "unit": "full_preactivation"}, "model.shortcut: conv1x1 reads what"),
        ({"unit": "relu_before_addition"}, "model.unit: relu_before_addition has relu after the zeroed last layer"),
    ],
)
def test_a_net_without_an_identity_is_refused_with_the_reason(model: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        experiment(14, model, start={"run": "shallow"})
    experiment(14, model)
