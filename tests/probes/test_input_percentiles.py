"""Percentiles of one map of an activation's input equal NumPy's; a missing map is refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_nets import bn, conv, engine_of, found_by, images_and_labels, instruments_on, padded, small_net, state_of

from resnet_repro.errors import SpecError
from resnet_repro.probes.activations import input_percentiles
from resnet_repro.spec import ProbesSpec

NAMES = ("p15", "p50", "p85")


def percentiles(x: torch.Tensor, unit: int) -> list[float]:
    """Percentiles of one map, over images and positions."""
    return [float(np.percentile(x[:, unit].double().numpy(), share)) for share in (15, 50, 85)]


@pytest.mark.parametrize("unit", [0, 3])
def test_the_last_activation_in_a_branch_is_followed(unit: int) -> None:
    net = small_net()
    state = state_of(net)
    x = F.relu(bn(conv(images_and_labels()[0], state, "stem.conv1"), state, "stem.bn1"))
    for stage, stride in ((1, 1), (2, 2)):
        name = f"stage{stage}.0.branch"
        y = F.relu(bn(conv(x, state, f"{name}.conv1", stride), state, f"{name}.bn1"))
        x = F.relu(padded(x, stride) + bn(conv(y, state, f"{name}.conv2"), state, f"{name}.bn2"))
    y = bn(conv(x, state, "stage3.0.branch.conv1", 2), state, "stage3.0.branch.bn1")

    found = found_by("input_percentiles", net, unit=unit)
    assert list(found) == [("stage3.0.branch.act1", name) for name in NAMES]
    assert list(found.values()) == pytest.approx(percentiles(y, unit), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("unit", [0, 1])
def test_the_named_layer_is_followed(unit: int) -> None:
    net = small_net(activation="sigmoid")
    state = state_of(net)
    x = bn(conv(images_and_labels()[0], state, "stem.conv1"), state, "stem.bn1")
    found = found_by("input_percentiles", net, layer="stem.act1", unit=unit)
    assert list(found) == [("stem.act1", name) for name in NAMES]
    assert list(found.values()) == pytest.approx(percentiles(x, unit), rel=1e-4, abs=1e-5)


def test_percentiles_of_numbers_in_a_row_are_exact() -> None:
    net = small_net(normalization="none")
    images = torch.zeros(2, 3, 32, 32)
    images[:, 0] = torch.arange(2 * 32 * 32).reshape(2, 32, 32)
    with torch.no_grad():
        net.stem.conv1.weight.zero_()
        net.stem.conv1.weight[1, 0, 1, 1] = 1.0
        net.stem.conv1.bias.fill_(-1000.0)
    instruments = instruments_on(engine_of(net), "input_percentiles", layer="stem.act1", unit=1)
    instruments.images, instruments.labels = images, torch.zeros(2, dtype=torch.int64)
    values = {row.name: row.value for row in instruments.measure(1)}
    assert values == pytest.approx({"p15": 0.15 * 2047 - 1000, "p50": 0.5 * 2047 - 1000, "p85": 0.85 * 2047 - 1000})


def test_percentiles_of_more_than_16_million_values() -> None:
    images, probes = 16_385, ProbesSpec(measure=("input_percentiles",), layer="stem.act1", images=16_385)
    x = torch.zeros(images, 1, 32, 32)
    x[:, :, 16:] = 1.0
    (point,) = input_percentiles(small_net(), probes)
    values = point.read(x, x)
    assert (values["p15"].item(), values["p85"].item()) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ({"depth": 14}, "stage3.1.branch.act1"),
        ({"shortcut": "none"}, "stage3.0.branch.act1"),
        ({"unit": "full_preactivation"}, "stage3.0.branch.act2"),
        ({"unit": "relu_before_addition"}, "stage3.0.branch.act2"),
        ({"depth": 11, "block": "bottleneck"}, "stage3.0.branch.act2"),
        ({"depth": 5, "block": "single_layer", "unit": "full_preactivation"}, "stage3.0.branch.act1"),
        ({"depth": 5, "block": "single_layer"}, "stage3.0.after.act1"),  # no branch has one
    ],
)
def test_each_kind_of_net_has_a_default_layer(model: dict[str, object], layer: str) -> None:
    assert list(found_by("input_percentiles", small_net(**model))) == [(layer, name) for name in NAMES]


@pytest.mark.parametrize("layer", ["stage4.0.branch.act1", "stage3.0.branch.conv1", "stage3", "head"])
@pytest.mark.parametrize(
    ("model", "example"),
    [
        ({}, "stage3.0.branch.act1"),
        ({"shortcut": "none", "activation": "tanh"}, "stage3.0.branch.act1"),
        ({"depth": 5, "block": "single_layer"}, "stage3.0.after.act1"),
    ],
)
def test_a_layer_that_is_no_activation_of_the_net_is_refused(
    model: dict[str, object], example: str, layer: str
) -> None:
    with pytest.raises(SpecError, match=r"^probes\.layer: ") as refused:
        instruments_on(engine_of(small_net(**model)), "input_percentiles", layer=layer)
    text = str(refused.value)
    assert repr(layer) in text
    assert example in text
    assert "\n" not in text


def test_a_map_beyond_the_layers_maps_is_refused_and_no_hook_is_left() -> None:
    net = small_net()
    assert len(found_by("input_percentiles", net, unit=7)) == 3  # the last of the 8 maps
    with pytest.raises(SpecError, match=r"^probes\.unit: 8 .* 8 maps of stage3\.0\.branch\.act1") as refused:
        found_by("input_percentiles", net, unit=8)
    assert "\n" not in str(refused.value)
    assert not any(module._forward_hooks for module in net.modules())
