"""Dead units: maps whose activation is flat at every image and position."""

from typing import Any

import pytest
import torch
from small_nets import engine_of, found_by, images_and_labels, instruments_on, small_net


def net_with_stem(inputs: list[float], **model: Any) -> Any:
    """A net whose first activation gets exactly these inputs, one for each map."""
    net = small_net(width=len(inputs), **model)
    with torch.no_grad():
        net.stem.bn1.weight.zero_()
        net.stem.bn1.bias.copy_(torch.tensor(inputs))
    return net


@pytest.mark.parametrize(
    ("activation", "inputs", "dead"),
    [
        ("relu", [-0.01, 0.01, -1e9, 5.0], 0.5),
        ("relu", [0.01, 0.1, 1.0, 1e9], 0.0),
        ("relu", [0.0, -1.0, -2.0, -3.0], 1.0),
        ("sigmoid", [100.0, -100.0, 0.0, 1.0], 0.5),  # saturated on both sides
        ("sigmoid", [5.95, -5.95, 6.05, 0.0], 0.25),  # 1 % of the steepest slope is at 5.99
        ("tanh", [100.0, -100.0, 0.0, -100.0], 0.75),
        ("tanh", [2.95, -2.95, -3.05, 0.0], 0.25),  # 1 % is at 2.99
    ],
)
def test_maps_with_a_flat_activation_are_counted(activation: str, inputs: list[float], dead: float) -> None:
    assert found_by("dead_units", net_with_stem(inputs, activation=activation))["stem.act1", "fraction"] == dead


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_a_map_with_a_huge_negative_bias_is_counted_and_the_others_are_not(activation: str) -> None:
    net = small_net(width=4, activation=activation)
    before = found_by("dead_units", net)
    place = "stage2.0.branch.act1", "fraction"
    assert before[place] == 0.0
    with torch.no_grad():
        net.get_parameter("stage2.0.branch.bn1.bias")[3] = -1e6
    after = found_by("dead_units", net)
    assert after[place] == 1 / 8
    assert {key for key in before if before[key] != after[key]} == {place}


def test_a_map_that_is_alive_at_one_pixel_of_one_image_is_alive() -> None:
    net = small_net(normalization="none")
    with torch.no_grad():
        net.stem.conv1.weight.zero_()
        net.stem.conv1.weight[:, 0, 1, 1] = torch.tensor([1.0, 0.5])
        net.stem.conv1.bias.fill_(-0.75)
    instruments = instruments_on(engine_of(net), "dead_units")
    instruments.images, instruments.labels = torch.zeros(3, 3, 32, 32), torch.zeros(3, dtype=torch.int64)
    instruments.images[2, 0, 31, 7] = 1.0
    found = {row.layer: row.value for row in instruments.measure(1)}
    assert found["stem.act1"] == 0.5


def test_every_activation_is_measured() -> None:
    assert list(found_by("dead_units", small_net())) == [
        ("stem.act1", "fraction"),
        *((f"stage{stage}.0.{part}.act1", "fraction") for stage in (1, 2, 3) for part in ("branch", "after")),
    ]
    preactivated = found_by("dead_units", small_net(unit="full_preactivation"))
    assert [layer for layer, _ in preactivated] == [
        "stage1.0.before.act1", "stage1.0.branch.act1", "stage2.0.branch.act1", "stage2.0.branch.act2",
        "stage3.0.branch.act1", "stage3.0.branch.act2", "end.act1",
    ]  # fmt: skip


def test_a_layer_without_a_signal_is_dead() -> None:
    net = small_net(shortcut="none", normalization="none")
    with torch.no_grad():
        net.get_parameter("stage2.0.branch.conv2.bias").fill_(-1e6)
        net.get_parameter("stage3.0.branch.conv1.bias").copy_(torch.tensor([1.0, -1.0] * 4))
    found = {layer: value for (layer, _), value in found_by("dead_units", net).items()}
    assert found["stage2.0.after.act1"] == 1.0
    assert found["stage3.0.branch.act1"] == 0.5  # its input is zero, so the bias decides
    assert found["stem.act1"] < 1.0
    assert images_and_labels()[0].std() > 0.9
