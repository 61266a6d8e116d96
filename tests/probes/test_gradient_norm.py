"""Gradient norms are those of the last mini-batch's loss."""

import copy

import pytest
import torch
import torch.nn.functional as F
from small_nets import engine_of, found_by, images_and_labels, instruments_on, small_net

NETS: list[tuple[dict[str, object], list[str]]] = [
    (
        {},
        [
            "stem.conv1",
            *(f"stage{stage}.0.branch.conv{layer}" for stage in (1, 2, 3) for layer in (1, 2)),
            "head",
        ],
    ),
    (
        {"depth": 5, "width": 8, "block": "single_layer", "option": "B", "shortcut": "shortcut_only_gate",
         "gate_bias": -1.0},
        [
            "stem.conv1",
            "stage1.0.branch.conv1",
            "stage1.0.shortcut.gate",
            *(f"stage{stage}.0.{layer}" for stage in (2, 3)
              for layer in ("branch.conv1", "shortcut.h.conv1", "shortcut.gate")),
            "head",
        ],
    ),
    (
        {"depth": 11, "block": "bottleneck", "unit": "full_preactivation"},
        [
            "stem.conv1",
            *(f"stage{stage}.0.{layer}" for stage in (1, 2, 3)
              for layer in ("branch.conv1", "branch.conv2", "branch.conv3", "shortcut.h.conv1")),
            "head",
        ],
    ),
    (
        {"shortcut": "none", "normalization": "none"},
        [
            "stem.conv1",
            *(f"stage{stage}.0.branch.conv{layer}" for stage in (1, 2, 3) for layer in (1, 2)),
            "head",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("model", "layers"), NETS)
def test_gradient_norms_are_those_of_the_training_mini_batch(
    model: dict[str, object], layers: list[str], nesterov: bool
) -> None:
    net = small_net(**model)
    images, labels = images_and_labels(4)
    before = copy.deepcopy(net).train()
    loss = F.cross_entropy(before(images), labels)
    weights = [before.get_parameter(f"{layer}.weight") for layer in layers]
    expected = [gradient.double().square().sum().sqrt().item() for gradient in torch.autograd.grad(loss, weights)]

    engine = engine_of(net, nesterov=nesterov, weight_decay=10.0)  # weight decay is not part of the loss
    instruments = instruments_on(engine, "gradient_norm")
    engine.train_step(images, labels, 0.1)
    rows = list(instruments.measure(1))
    assert [(row.step, row.probe, row.layer, row.name) for row in rows] == [
        (1, "gradient_norm", layer, "norm") for layer in layers
    ]
    assert [row.value for row in rows] == pytest.approx(expected, rel=1e-4)
    assert min(expected) > 0


def test_gradient_norms_are_of_the_last_step_also_after_an_evaluation_and_other_probes() -> None:
    net, (images, labels) = small_net(), images_and_labels()
    engine = engine_of(net)
    instruments = instruments_on(engine, "layer_response", "gradient_norm", "branch_to_shortcut")
    engine.train_step(images[:2], labels[:2], 0.1)
    before = copy.deepcopy(net)
    engine.train_step(images[2:], labels[2:], 0.1)
    engine.evaluate(images, labels)
    loss = F.cross_entropy(before.train()(images[2:]), labels[2:])
    expected = torch.autograd.grad(loss, before.head.weight)[0].norm().item()
    for step in (2, 3):  # measuring does not change the gradients
        norms = {row.layer: row.value for row in instruments.measure(step) if row.probe == "gradient_norm"}
        assert norms["head"] == pytest.approx(expected, rel=1e-4)


def test_before_any_step_there_is_no_gradient() -> None:
    assert found_by("gradient_norm", small_net()) == {}


def test_a_gradient_that_is_not_finite_is_left_out() -> None:
    net, (images, labels) = small_net(), images_and_labels()
    engine = engine_of(net)
    instruments = instruments_on(engine, "gradient_norm")
    engine.train_step(images, labels, 0.1)
    with torch.no_grad():
        net.get_parameter("stage1.0.branch.conv1.weight").grad.fill_(float("inf"))
        net.get_parameter("head.weight").grad.fill_(float("nan"))
    layers = [row.layer for row in instruments.measure(1)]
    assert len(layers) == 6
    assert "stage1.0.branch.conv1" not in layers
    assert "head" not in layers
