"""Every shortcut of [I] Table 1 against its formula, written out in float64."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from straight_line import (
    CONVOLUTIONS,
    ORDERS,
    SMALLEST,
    WIDENING,
    Weights,
    identity,
    projection,
    random,
    spec_of,
    stirred,
)
from torch import Tensor, nn

from resnet_repro.models.build import network_of, unit_of
from resnet_repro.spec import ModelSpec

COMPANIONS = {
    "identity": {},
    "scaled": {"shortcut_scale": 0.7, "branch_scale": -0.4},
    "exclusive_gate": {"gate_bias": -1.0},
    "shortcut_only_gate": {"gate_bias": -1.0},
    "conv1x1": {},
    "dropout": {"shortcut_dropout": 0.4},
}
GATES = ["exclusive_gate", "shortcut_only_gate"]
SHAPES = {"kept": ("A", 1), "changed with option A": ("A", 2), "changed with option B": ("B", 2)}  # option, stride


def model_of(shortcut: str, block: str = "basic", **fields: Any) -> ModelSpec:
    return spec_of(depth=SMALLEST[block], block=block, shortcut=shortcut, **{**COMPANIONS[shortcut], **fields})


def gate_of(w: Weights, x: Tensor, stride: int) -> Tensor:
    """g(x) = 1 / (1 + exp(-(W x + b))) at every stride-th pixel."""
    kernel, bias = w.of("shortcut.gate.weight")[:, :, 0, 0], w.of("shortcut.gate.bias")
    z = torch.einsum("oi,nihw->nohw", kernel, x[:, :, ::stride, ::stride]) + bias[:, None, None]
    return 1 / (1 + torch.exp(-z))


def sum_as_written(w: Weights, x: Tensor, residual: Tensor, stride: int, model: ModelSpec) -> Tensor:
    """h(x) + F(x) in evaluation mode, as the table has it."""
    if model.shortcut == "conv1x1":
        return projection(w, x, stride, model) + residual
    h = identity(w, x, residual.shape[1], stride, model)
    if model.shortcut == "scaled":
        return 0.7 * h - 0.4 * residual
    if model.shortcut == "exclusive_gate":
        g = gate_of(w, x, stride)
        return (1 - g) * h + g * residual
    if model.shortcut == "shortcut_only_gate":
        return (1 - gate_of(w, x, stride)) * h + residual
    return h + residual


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize(
    ("shortcut", "shape", "training"),
    [
        pytest.param(shortcut, shape, training, id=f"{shortcut}, {shape}, {'training' if training else 'evaluation'}")
        for shortcut in COMPANIONS
        for shape in SHAPES
        for training in (True, False)
        if not (shortcut == "conv1x1" and shape == "changed with option B")  # it has no option
        if not (shortcut == "dropout" and training)  # the next test
    ],
)
def test_a_shortcut_computes_its_row_of_the_table(
    shortcut: str, block: str, shape: str, training: bool, order: str
) -> None:
    option, stride = SHAPES[shape]
    choice = {} if shortcut == "conv1x1" else {"option": option}
    model = model_of(shortcut, block, unit=order, **choice)
    w_in = 3 * WIDENING[block]
    unit = stirred(unit_of(w_in, 3 * stride, stride, model)).train(training)
    w, x = Weights(unit, model), random(4, w_in, 6, 6)
    projected = shortcut == "conv1x1" or (option == "B" and stride == 2)
    expected = ORDERS[order](
        w,
        x,
        CONVOLUTIONS[block],
        stride,
        projected,
        lambda before, residual: sum_as_written(w, before, residual, stride, model),
    )
    torch.testing.assert_close(unit(x), expected, rtol=1e-9, atol=1e-9)
    assert w.unused == set()


@pytest.mark.parametrize("shape", SHAPES)
def test_dropout_acts_on_h_and_leaves_the_branch_alone(shape: str) -> None:
    option, stride = SHAPES[shape]
    model = model_of("dropout", option=option)
    unit = stirred(unit_of(4, 4 * stride, stride, model)).train()
    x = random(8, 4, 16, 16).abs() + 1
    unit.shortcut.dropout.seed.fill_(5)
    residual = unit.branch(x)
    dropped, untouched = unit.shortcut(x, residual)
    assert untouched is residual
    h = identity(Weights(unit, model), x, 4 * stride, stride, model)
    kept = dropped != 0
    torch.testing.assert_close(dropped, torch.where(kept, h / 0.6, 0.0), rtol=1e-12, atol=1e-12)
    assert kept[h != 0].double().mean().item() == pytest.approx(0.6, abs=4 * (0.24 / 2000) ** 0.5)
    torch.testing.assert_close(unit(x), F.relu(dropped + residual), rtol=1e-12, atol=1e-12)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("training", [True, False])
def test_a_net_whose_h_is_scaled_by_zero_is_the_plain_net(training: bool) -> None:
    fields = {"depth": 14, "width": 3}
    scaled = stirred(network_of(spec_of(shortcut="scaled", shortcut_scale=0.0, branch_scale=1.0, **fields)))
    plain = stirred(network_of(spec_of(shortcut="none", **fields)))
    assert same_weights(scaled, plain)
    images = random(4, 3, 16, 16)
    outputs = scaled.train(training)(images), plain.train(training)(images)
    assert torch.equal(*outputs)
    gradients = [
        torch.autograd.grad(output.square().sum(), list(net.parameters()))
        for output, net in zip(outputs, (scaled, plain), strict=True)
    ]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*gradients, strict=True))


def test_a_net_whose_terms_are_scaled_by_one_is_the_identity_net() -> None:
    scaled = stirred(network_of(spec_of(depth=14, width=3, shortcut="scaled", shortcut_scale=1.0, branch_scale=1.0)))
    residual = stirred(network_of(spec_of(depth=14, width=3)))
    assert same_weights(scaled, residual)
    images = random(4, 3, 16, 16)
    assert torch.equal(scaled(images), residual(images))


def with_gate_bias(unit: Any, bias: float) -> Any:
    unit.shortcut.gate.bias.data.fill_(bias)
    return unit


@pytest.mark.parametrize("shape", SHAPES)
def test_a_closed_shortcut_only_gate_gives_the_identity_unit(shape: str) -> None:
    option, stride = SHAPES[shape]
    gated = stirred(unit_of(4, 4 * stride, stride, model_of("shortcut_only_gate", option=option))).train()
    unit = unit_of(4, 4 * stride, stride, model_of("identity", option=option)).double().train()
    unit.load_state_dict({name: tensor for name, tensor in gated.state_dict().items() if ".gate." not in name})
    x = random(4, 4, 6, 6)
    torch.testing.assert_close(with_gate_bias(gated, -50.0)(x), unit(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_exclusive_gate_passes_h_alone_when_closed_and_the_branch_alone_when_open(shape: str) -> None:
    option, stride = SHAPES[shape]
    model = model_of("exclusive_gate", option=option)
    gated = stirred(unit_of(4, 4 * stride, stride, model)).eval()
    x = random(4, 4, 6, 6)
    h = identity(Weights(gated, model), x, 4 * stride, stride, model)
    torch.testing.assert_close(with_gate_bias(gated, -50.0)(x), F.relu(h), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(with_gate_bias(gated, 50.0)(x), F.relu(gated.branch(x)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shortcut", GATES)
def test_a_gate_is_a_1x1_convolution_with_bias(shortcut: str) -> None:
    unit = unit_of(4, 8, 2, model_of(shortcut))
    added = [(name, tuple(p.shape)) for name, p in unit.named_parameters() if name.startswith("shortcut")]
    assert added == [("shortcut.gate.weight", (8, 4, 1, 1)), ("shortcut.gate.bias", (8,))]


def test_conv1x1_projects_in_every_unit() -> None:
    net = network_of(spec_of(depth=14, width=2, shortcut="conv1x1"))
    units: Any = [*net.stage1, *net.stage2, *net.stage3]
    shapes = [tuple(unit.shortcut.h.conv1.weight.shape) for unit in units]
    assert shapes == [(2, 2, 1, 1), (2, 2, 1, 1), (4, 2, 1, 1), (4, 4, 1, 1), (8, 4, 1, 1), (8, 8, 1, 1)]
