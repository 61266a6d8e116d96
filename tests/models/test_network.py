"""Whole nets: sizes, parameters, their order, and outputs against formulas written out in float64."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from straight_line import CONVOLUTIONS, ORDERS, SMALLEST, WIDENING, Weights, identity, random, spec_of, stirred
from torch import Tensor, nn

from resnet_repro.models.build import network_of
from resnet_repro.models.network import Network
from resnet_repro.spec import ModelSpec

VARIANTS = [("none", "A"), ("identity", "A"), ("identity", "B")]  # shortcut and option: plain, residual A, residual B
WEIGHTED = (nn.Conv2d, nn.Linear)
SHORTCUTS: dict[str, dict[str, Any]] = {
    "none": {},
    "identity": {},
    "scaled": {"shortcut_scale": 0.5, "branch_scale": 0.5},
    "exclusive_gate": {"gate_bias": -6.0},
    "shortcut_only_gate": {"gate_bias": -6.0},
    "conv1x1": {},
    "dropout": {"shortcut_dropout": 0.5},
}
OPTIONAL = [shortcut for shortcut in SHORTCUTS if shortcut not in ("none", "conv1x1")]  # those with option A or B


def on_meta(depth: int, shortcut: str = "identity", **fields: Any) -> Network:
    with torch.device("meta"):
        return network_of(spec_of(depth=depth, shortcut=shortcut, **fields))


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def weighted_layers_outside_shortcuts(net: nn.Module) -> int:
    return sum(isinstance(module, WEIGHTED) for name, module in net.named_modules() if ".shortcut" not in name)


@pytest.mark.parametrize("shortcut", ["none", "identity"])
@pytest.mark.parametrize(
    ("depth", "count"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962), (1202, 19_421_274)],
)
def test_plain_and_residual_nets_have_the_papers_parameters(depth: int, count: int, shortcut: str) -> None:
    assert parameters(on_meta(depth, shortcut)) == count


def test_projections_add_their_parameters() -> None:
    assert parameters(on_meta(56, "identity", option="B")) == 855_770


@pytest.mark.parametrize(("depth", "count"), [(164, 1_703_258), (1001, 10_327_706)])
def test_preactivation_bottleneck_nets_have_the_second_papers_parameters(depth: int, count: int) -> None:
    assert parameters(on_meta(depth, block="bottleneck", unit="full_preactivation")) == count


@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
@pytest.mark.parametrize("depth", [8, 14, 20, 56, 110])
def test_depth_counts_the_weighted_layers_outside_the_shortcuts(depth: int, shortcut: str, option: str) -> None:
    assert weighted_layers_outside_shortcuts(on_meta(depth, shortcut, option=option)) == depth


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize(("block", "step"), [("basic", 6), ("bottleneck", 9), ("single_layer", 3)])
def test_depth_counts_the_weighted_layers_of_every_block(block: str, step: int, option: str, order: str) -> None:
    for units in (1, 2, 5):
        depth = step * units + 2
        assert weighted_layers_outside_shortcuts(on_meta(depth, block=block, option=option, unit=order)) == depth


def test_only_option_b_has_layers_in_its_shortcuts_and_only_where_the_shape_changes() -> None:
    def projections(shortcut: str, option: str, block: str = "basic") -> list[str]:
        modules = on_meta(20, shortcut, option=option, block=block).named_modules()
        return [name for name, module in modules if isinstance(module, nn.Conv2d) and ".shortcut" in name]

    assert projections("none", "A") == projections("identity", "A") == projections("identity", "A", "bottleneck") == []
    at_the_halvings = ["stage2.0.shortcut.h.conv1", "stage3.0.shortcut.h.conv1"]
    assert projections("identity", "B") == at_the_halvings
    assert projections("identity", "B", "bottleneck") == ["stage1.0.shortcut.h.conv1", *at_the_halvings]


@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize(
    ("shortcut", "option"),
    [("none", None), ("conv1x1", None), *((shortcut, option) for shortcut in OPTIONAL for option in ("A", "B"))],
)
def test_parameters_are_registered_in_forward_order(
    shortcut: str, block: str, option: str | None, normalization: str
) -> None:
    convolutions = 3 * CONVOLUTIONS[block]
    choice = {"option": option} if option else {}
    fields = {"block": block, "normalization": normalization, "width": 2, **choice, **SHORTCUTS[shortcut]}
    net = network_of(spec_of(depth=2 * convolutions + 2, shortcut=shortcut, **fields))
    registered = [module for module in net.modules() if isinstance(module, (*WEIGHTED, nn.BatchNorm2d))]
    called: list[nn.Module] = []
    for module in registered:
        module.register_forward_hook(lambda module, _inputs, _output: called.append(module))
    net(torch.zeros(2, 3, 32, 32))
    assert called == registered


@pytest.mark.parametrize(("block", "widths"), [("basic", (16, 32, 64)), ("bottleneck", (64, 128, 256))])
@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
def test_stages_halve_the_maps_and_double_their_number(
    shortcut: str, option: str, block: str, widths: tuple[int, ...]
) -> None:
    if shortcut == "none":
        option = "B" if block == "bottleneck" else "A"
    net = network_of(spec_of(depth=SMALLEST[block], shortcut=shortcut, option=option, block=block))
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda _module, _inputs, output: shapes.update({name: tuple(output.shape)}))

    for name, module in net.named_children():
        note(name, module)
    net(torch.zeros(2, 3, 32, 32))
    assert shapes == {
        "stem": (2, 16, 32, 32),
        "stage1": (2, widths[0], 32, 32),
        "stage2": (2, widths[1], 16, 16),
        "stage3": (2, widths[2], 8, 8),
        "end": (2, widths[2], 8, 8),
        "head": (2, 10),
    }


def test_without_bn_the_convolutions_have_a_bias_and_no_bn_exists() -> None:
    modules = list(on_meta(20, option="B", normalization="none").modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in modules)
    assert all(module.bias is not None for module in modules if isinstance(module, nn.Conv2d))


@pytest.mark.parametrize("order", ORDERS)
def test_with_bn_each_convolution_has_a_bn_beside_it_and_no_bias(order: str) -> None:
    modules = list(on_meta(20, option="B", unit=order).modules())
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 19 + 2
    projections_without_bn = 2 if order in ("bn_after_addition", "full_preactivation") else 0
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in modules)
    assert norms == len(convolutions) - projections_without_bn
    assert all(module.bias is None for module in convolutions)


@pytest.mark.parametrize(
    ("order", "stem", "end"),
    [
        ("original", ["conv1", "bn1", "act1"], []),
        ("bn_after_addition", ["conv1", "bn1", "act1"], []),
        ("relu_before_addition", ["conv1", "bn1", "act1"], []),
        ("relu_only_preactivation", ["conv1", "bn1"], ["act1"]),
        ("full_preactivation", ["conv1"], ["bn1", "act1"]),
    ],
)
def test_preactivation_moves_from_the_stem_to_before_the_pooling(order: str, stem: list[str], end: list[str]) -> None:
    net = on_meta(8, unit=order)
    assert [name for name, _ in net.stem.named_children()] == stem
    assert [name for name, _ in net.end.named_children()] == end


def net_as_written(w: Weights, images: Tensor, model: ModelSpec) -> Tensor:
    """Stem, units, end and head. A plain net adds nothing to its branches."""
    x = w.conv(images, "stem.conv1")
    x = x if model.unit == "full_preactivation" else w.bn(x, "stem.bn1")
    x = x if model.unit.endswith("preactivation") else w.act(x)
    units = (model.depth - 2) // (3 * CONVOLUTIONS[model.block])
    for stage, width in [(1, model.width), (2, 2 * model.width), (3, 4 * model.width)]:
        for unit in range(units):
            w.prefix, stride = f"stage{stage}.{unit}.", 2 if stage > 1 and unit == 0 else 1
            w_out = width * WIDENING[model.block]
            projected = model.option == "B" and (x.shape[1], stride) != (w_out, 1)
            shared = projected or (stage, unit) == (1, 0)

            def add(x: Tensor, residual: Tensor, w_out: int = w_out, stride: int = stride) -> Tensor:
                return residual if model.shortcut == "none" else identity(w, x, w_out, stride, model) + residual

            x = ORDERS[model.unit](w, x, CONVOLUTIONS[model.block], stride, shared, add)
    w.prefix = ""
    x = w.bn(x, "end.bn1") if model.unit == "full_preactivation" else x
    x = F.relu(x) if model.unit.endswith("preactivation") else x
    return x.sum((2, 3)) / (x.shape[2] * x.shape[3]) @ w.of("head.weight").T + w.of("head.bias")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize(("shortcut", "option"), VARIANTS)
def test_a_net_computes_the_papers_formulas(shortcut: str, option: str, normalization: str, training: bool) -> None:
    model = spec_of(depth=14, shortcut=shortcut, option=option, normalization=normalization, width=3)
    net = stirred(network_of(model)).train(training)
    w, images = Weights(net, model), random(5, 3, 32, 32)
    torch.testing.assert_close(net(images), net_as_written(w, images, model), rtol=1e-9, atol=1e-9)
    assert w.unused == set()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("order", ORDERS)
def test_a_net_of_any_order_and_block_computes_the_papers_formulas(
    order: str, block: str, option: str, training: bool
) -> None:
    depth = 2 * (SMALLEST[block] - 2) + 2
    model = spec_of(depth=depth, unit=order, block=block, option=option, width=2)
    net = stirred(network_of(model)).train(training)
    w, images = Weights(net, model), random(4, 3, 16, 16)
    torch.testing.assert_close(net(images), net_as_written(w, images, model), rtol=1e-8, atol=1e-8)
    assert w.unused == set()
