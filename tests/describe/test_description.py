"""Descriptions of nets: the papers' numbers, depth for every kind of net, and receptive fields computed by hand."""

import itertools
import time
from typing import get_args

import pytest
import torch
from conftest import REPOSITORY
from torch import nn

from resnet_repro.describe import Description, describe
from resnet_repro.describe.description import describe_net
from resnet_repro.describe.description import multiply_adds as multiply_adds_of
from resnet_repro.describe.description import parameters as parameters_of
from resnet_repro.models.build import network_of
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.spec.file import load_spec

SMALLEST = {"basic": 8, "bottleneck": 11, "single_layer": 5}
COMPANIONS = {
    "scaled": {"shortcut_scale": 0.5, "branch_scale": 0.5},
    "exclusive_gate": {"gate_bias": -1.0},
    "shortcut_only_gate": {"gate_bias": -1.0},
    "dropout": {"shortcut_dropout": 0.5},
}


def described(**model: object) -> Description:
    return describe(Experiment(name="net", model=ModelSpec.model_validate(model)))


def choices(field: str) -> tuple[str, ...]:
    return get_args(ModelSpec.model_fields[field].annotation)


@pytest.mark.parametrize(
    ("spec", "layers", "parameters", "multiply_adds", "receptive_field"),
    [
        ("plain20", 20, 269_722, 40_551_040, 81),
        ("resnet20", 20, 269_722, 40_551_040, 81),
        ("plain56", 56, 853_018, 125_485_696, 249),
        ("resnet56", 56, 853_018, 125_485_696, 249),
        ("resnet110", 110, 1_727_962, 252_887_680, 501),
        ("identity_mappings/full-preactivation-164", 164, 1_703_258, 244_500_992, 255),
    ],
)
def test_the_papers_nets_have_their_numbers(
    spec: str, layers: int, parameters: int, multiply_adds: int, receptive_field: int
) -> None:
    experiment = load_spec(REPOSITORY / f"experiments/{spec}.yaml")
    net = describe(experiment)
    assert (parameters_of(experiment), multiply_adds_of(experiment)) == (parameters, multiply_adds)
    assert (net.layers_counted, net.parameters, net.multiply_adds) == (layers, parameters, multiply_adds)
    assert net.receptive_field == receptive_field
    assert net.image_shape == (3, 32, 32)
    assert net.fully_connected == (64 * 4 if "164" in spec else 64) * 10 + 10


@pytest.mark.parametrize("fields", [*({"shortcut": shortcut} for shortcut in choices("shortcut")),
                                    {"normalization": "none", "initialization": "fixup", "option": "B"},
                                    {"unit": "full_preactivation", "dropout": 0.5, "width": 4}], ids=str)  # fmt: skip
def test_the_size_of_a_deep_net_follows_from_two_shallow_ones(fields: dict[str, object]) -> None:
    model = ModelSpec.model_validate({"depth": 20, **fields, **COMPANIONS.get(str(fields.get("shortcut")), {})})
    experiment = Experiment(name="net", model=model)
    assert_size_follows(experiment)


@pytest.mark.parametrize(("unit", "block", "units"),
                         [*zip(choices("unit"), itertools.cycle(SMALLEST), itertools.cycle((3, 1, 2, 4)))])  # fmt: skip
def test_the_size_of_a_net_of_any_unit_and_block_does(unit: str, block: str, units: int) -> None:
    depth = 2 + units * (SMALLEST[block] - 2)
    model = ModelSpec.model_validate({"depth": depth, "width": 2, "unit": unit, "block": block})
    assert_size_follows(Experiment(name="net", model=model))


def assert_size_follows(experiment: Experiment) -> None:
    net = describe(experiment)
    assert (parameters_of(experiment), multiply_adds_of(experiment)) == (net.parameters, net.multiply_adds)


def test_the_multiply_adds_of_resnet20_are_those_counted_on_paper() -> None:
    stem = 3 * 16 * 9 * 32**2
    stage1 = 6 * 16 * 16 * 9 * 32**2
    stage2 = (16 * 32 + 5 * 32 * 32) * 9 * 16**2
    stage3 = (32 * 64 + 5 * 64 * 64) * 9 * 8**2
    assert described(depth=20).multiply_adds == stem + stage1 + stage2 + stage3 + 64 * 10 == 40_551_040


@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("unit", choices("unit"))
def test_depth_is_counted_for_every_unit_block_shortcut_and_option(unit: str, block: str) -> None:
    seen = 0
    for shortcut, option in itertools.product(choices("shortcut"), ("A", "B")):
        model = {"depth": SMALLEST[block], "width": 2, "block": block, "unit": unit, "shortcut": shortcut,
                 "option": option, **COMPANIONS.get(shortcut, {})}  # fmt: skip
        try:
            net = described(**model)
        except ValueError:  # a refused combination, such as an option for a plain net
            continue
        seen += 1
        assert net.layers_counted == SMALLEST[block], model
        with torch.device("meta"):
            parameters = sum(
                parameter.numel() for parameter in network_of(ModelSpec.model_validate(model)).parameters()
            )
        assert net.parameters == parameters == sum(layer.parameters for layer in net.layers), model
    assert seen >= 11


@pytest.mark.parametrize("activation", choices("activation"))
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_depth_is_counted_without_bn_and_with_every_activation(activation: str, normalization: str) -> None:
    assert described(depth=14, activation=activation, normalization=normalization, dropout=0.2).layers_counted == 14


def test_depth_is_counted_in_fixup_nets() -> None:
    net = described(depth=14, normalization="none", initialization="fixup")
    assert net.layers_counted == 14
    biases = sum(layer.operation == "ScalarBias" for layer in net.layers)
    assert biases == 13 + 13 + 1  # before convolutions, activations and the classifier
    assert sum(layer.operation == "ScalarMultiplier" for layer in net.layers) == 6


@pytest.mark.parametrize(
    ("model", "field"),
    [
        # stem 3; +2 for each 3x3 layer at full size, the first at half size included; +4 at half size; +8 at a quarter
        ({"depth": 5, "block": "single_layer"}, 3 + 2 + 2 + 4),
        ({"depth": 8, "shortcut": "none"}, 3 + 4 + (2 + 4) + (4 + 8)),
        ({"depth": 8, "option": "B"}, 3 + 4 + (2 + 4) + (4 + 8)),
        ({"depth": 14, "unit": "full_preactivation"}, 3 + 8 + (2 + 12) + (4 + 24)),
        ({"depth": 11, "block": "bottleneck"}, 3 + 2 + 4 + 8),  # strided 1x1 layers add nothing
    ],
)
def test_the_receptive_field_is_that_computed_by_hand(model: dict[str, object], field: int) -> None:
    assert described(**model).receptive_field == field


@pytest.mark.parametrize(
    "model", [{"depth": 5, "block": "single_layer"}, {"depth": 8}, {"depth": 11, "block": "bottleneck"}]
)
def test_the_receptive_field_is_the_region_that_a_gradient_reaches(model: dict[str, object]) -> None:
    net = network_of(ModelSpec.model_validate({"width": 2, "normalization": "none", **model}))
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    images = torch.ones(1, 3, 32, 32, requires_grad=True)
    last_maps = net.end(net.stage3(net.stage2(net.stage1(net.stem(images)))))
    last_maps[0, 0, 4, 4].backward()
    assert images.grad is not None
    rows = images.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == len(rows) == described(**model).receptive_field


def test_layers_are_in_forward_order_with_receptive_field_and_cost() -> None:
    net = described(depth=8, width=4, option="B")
    assert [(layer.name, layer.operation) for layer in net.layers[:9]] == [
        ("stem.conv1", "conv 3x3"),
        ("stem.bn1", "BatchNorm2d"),
        ("stem.act1", "ReLU"),
        ("stage1.0.branch.conv1", "conv 3x3"),
        ("stage1.0.branch.bn1", "BatchNorm2d"),
        ("stage1.0.branch.act1", "ReLU"),
        ("stage1.0.branch.conv2", "conv 3x3"),
        ("stage1.0.branch.bn2", "BatchNorm2d"),
        ("stage1.0", "addition"),
    ]
    layers = {layer.name: layer for layer in net.layers}
    projection = layers["stage2.0.shortcut.h.conv1"]
    assert (projection.operation, projection.output_shape) == ("conv 1x1, stride 2", (8, 16, 16))
    assert (projection.parameters, projection.multiply_adds) == (32, 32 * 16 * 16)
    assert (projection.depth, projection.receptive_field) == (4, 7)  # the field of the stem and two layers
    strided = layers["stage2.0.branch.conv1"]
    assert (strided.operation, strided.depth, strided.receptive_field) == ("conv 3x3, stride 2", 4, 9)
    head = net.layers[-1]
    assert (head.name, head.operation, head.output_shape) == ("head", "fully connected", (10,))
    assert (head.parameters, head.multiply_adds, head.depth) == (170, 160, 8)
    assert head.receptive_field is None
    assert net.layers[-2].operation == "global average pooling"


def test_option_a_is_free_and_gates_cost_their_convolutions() -> None:
    plain, padded = described(depth=8, shortcut="none"), described(depth=8)
    assert (padded.parameters, padded.multiply_adds) == (plain.parameters, plain.multiply_adds)
    gated = described(depth=8, shortcut="exclusive_gate", gate_bias=-6.0)
    gates = [16 * 16 + 16, 16 * 32 + 32, 32 * 64 + 64]
    assert gated.parameters - plain.parameters == sum(gates)
    assert gated.multiply_adds - plain.multiply_adds == 16 * 16 * 32**2 + 16 * 32 * 16**2 + 32 * 64 * 8**2
    assert sum(layer.operation == "Sigmoid" for layer in gated.layers) == 6  # g and 1 - g
    assert sum(layer.operation == "multiplication" for layer in gated.layers) == 6


def test_bottlenecks_have_69632_weights_at_width_64() -> None:
    net = described(depth=20, block="bottleneck", width=64)
    layers = {layer.name: layer for layer in net.layers}
    assert sum(layers[f"stage1.1.branch.conv{number}"].parameters for number in (1, 2, 3)) == 69_632
    assert [layers[f"stage1.1.branch.conv{number}"].operation for number in (1, 2, 3)] == [
        "conv 1x1", "conv 3x3", "conv 1x1",
    ]  # fmt: skip


def test_pooling_dilation_and_groups_of_other_nets_are_counted() -> None:
    layers = (
        nn.Conv2d(4, 8, 5, stride=2, groups=2),  # field 5, jump 2: 14 x 14
        nn.MaxPool2d(2),  # field 7, jump 4: 7 x 7
        nn.Conv2d(8, 6, 3, dilation=2),  # 7 + 4 * 4 = 23: 3 x 3
        nn.AvgPool2d((3, 3), stride=1),  # 23 + 2 * 4 = 31
        nn.Flatten(),
        nn.Linear(6, 2),
    )
    found = describe_net("net", nn.Sequential(*layers).to("meta"), (4, 32, 32))
    assert found.receptive_field == 31
    assert found.layers_counted == 3
    assert found.multiply_adds == 8 * 14 * 14 * 2 * 25 + 6 * 3 * 3 * 8 * 9 + 12
    assert found.fully_connected == 14


def test_describing_1202_layers_takes_less_than_a_minute() -> None:
    began = time.process_time()
    net = described(depth=1202)
    assert time.process_time() - began < 60
    assert (net.layers_counted, net.parameters) == (1202, 19_421_274)
    assert sum(layer.operation == "addition" for layer in net.layers) == 600
