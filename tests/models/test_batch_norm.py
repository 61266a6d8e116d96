"""Batch normalisation against the formulas of [B] section 3, in float64."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from straight_line import random, spec_of, stirred
from torch import Tensor, nn

from resnet_repro.models.batch_norm import BatchNorm2d
from resnet_repro.models.build import network_of, operations_of
from resnet_repro.models.layers import layers
from resnet_repro.spec import ModelSpec

MAPS = 3
DIMS = (0, 2, 3)


def spec(**fields: Any) -> ModelSpec:
    return spec_of(depth=8, **fields)


def batch_norm(width: int, **fields: Any) -> Any:
    norm = operations_of(spec(**fields)).norm
    assert norm
    return norm(width)


def layer_of(**fields: Any) -> Any:
    return stirred(batch_norm(MAPS, **fields))


def per_map(values: Tensor) -> Tensor:
    return values[:, None, None]


def moments(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean and biased variance of each map over the mini-batch and all positions, and the number of values."""
    m = x.numel() // x.shape[1]
    mean = x.sum(DIMS) / m
    return mean, ((x - per_map(mean)) ** 2).sum(DIMS) / m, m


def normalized(x: Tensor, mean: Tensor, variance: Tensor, layer: nn.BatchNorm2d, epsilon: float) -> Tensor:
    x_hat = (x - per_map(mean)) / torch.sqrt(per_map(variance) + epsilon)
    return per_map(layer.weight.detach()) * x_hat + per_map(layer.bias.detach())


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 0.5])
def test_training_normalizes_by_the_mini_batch_as_algorithm_1_says(epsilon: float) -> None:
    layer, x = layer_of(batch_norm_epsilon=epsilon), random(5, MAPS, 4, 6)
    mean, variance, _ = moments(x)
    torch.testing.assert_close(layer(x), normalized(x, mean, variance, layer, epsilon), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_gradients_are_those_of_the_papers_chain_rule(epsilon: float) -> None:
    layer, x, dy = layer_of(batch_norm_epsilon=epsilon), random(5, MAPS, 4, 6), random(5, MAPS, 4, 6, seed=1)
    dx, dgamma, dbeta = torch.autograd.grad(layer(x.requires_grad_()), [x, layer.weight, layer.bias], dy)

    x, gamma = x.detach(), per_map(layer.weight.detach())
    mean, variance, m = moments(x)
    centred, scale = x - per_map(mean), per_map(variance) + epsilon
    d_x_hat = dy * gamma
    d_variance = per_map((d_x_hat * centred * -0.5 * scale**-1.5).sum(DIMS))
    d_mean = per_map((-d_x_hat / scale.sqrt()).sum(DIMS)) + d_variance * per_map((-2 * centred).sum(DIMS)) / m
    torch.testing.assert_close(
        dx, d_x_hat / scale.sqrt() + d_variance * 2 * centred / m + d_mean / m, rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(dgamma, (dy * centred / scale.sqrt()).sum(DIMS), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(dbeta, dy.sum(DIMS), rtol=1e-9, atol=1e-9)


def followed(batches: Sequence[Tensor], momentum: float, start: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Running mean and variance after these batches; the variance follows their unbiased variances."""
    running_mean, running_var = start
    for x in batches:
        mean, variance, m = moments(x)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * variance * m / (m - 1)
    return running_mean, running_var


@pytest.mark.parametrize(("momentum", "epsilon"), [(0.1, 1e-5), (0.7, 0.02), (1.0, 1e-5)])
def test_evaluation_uses_the_running_statistics_with_the_unbiased_variance(momentum: float, epsilon: float) -> None:
    layer = layer_of(batch_norm_momentum=momentum, batch_norm_epsilon=epsilon)
    start = layer.running_mean.clone(), layer.running_var.clone()
    batches = [2 * random(2, MAPS, 2, 2, seed=number) + number for number in range(3)]
    for x in batches:
        layer(x)
    mean, variance = followed(batches, momentum, start)
    torch.testing.assert_close(layer.running_mean, mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.running_var, variance, rtol=1e-10, atol=1e-10)
    layer.eval()
    x = random(3, MAPS, 5, 5)
    torch.testing.assert_close(layer(x), normalized(x, mean, variance, layer, epsilon), rtol=1e-10, atol=1e-10)
    assert torch.equal(layer(x[:1]), layer(x)[:1])


@pytest.mark.parametrize("splits", [1, 2])
def test_every_bn_of_a_net_has_the_specs_momentum_epsilon_and_splits(splits: int) -> None:
    fields = {"batch_norm_momentum": 0.03, "batch_norm_epsilon": 0.001, "batch_norm_splits": splits}
    net = network_of(spec(width=2, option="B", **fields))
    found = [module for module in net.modules() if isinstance(module, BatchNorm2d)]
    assert len(found) == 9
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm2d) and not isinstance(m, BatchNorm2d)]
    assert {(layer.momentum, layer.eps, layer.splits) for layer in found} == {(0.03, 0.001, splits)}


@pytest.mark.parametrize("splits", [1, 2])
def test_a_layer_owns_a_scale_and_a_shift_for_each_map(splits: int) -> None:
    layer = batch_norm(128, batch_norm_splits=splits)
    assert layer(torch.zeros(4, 128, 32, 32)).shape == (4, 128, 32, 32)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 256


@pytest.mark.parametrize("scale", [10.0, 0.02])
def test_scaling_the_weights_keeps_the_output_and_divides_their_gradient_by_the_scale(scale: float) -> None:
    chain = stirred(layers("conv bn", MAPS, operations_of(spec(batch_norm_epsilon=1e-30)), [4], [3]))
    u, dy, weight = random(6, MAPS, 5, 5), random(6, 4, 5, 5), chain.conv1.weight

    def output_and_gradients() -> tuple[Tensor, Tensor, Tensor]:
        images = u.clone().requires_grad_()
        output = chain(images)
        return output.detach(), *torch.autograd.grad(output, [images, weight], dy)

    output, by_images, by_weight = output_and_gradients()
    weight.data.mul_(scale)
    scaled_output, scaled_by_images, scaled_by_weight = output_and_gradients()
    torch.testing.assert_close(scaled_output, output, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(scaled_by_images, by_images, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(scaled_by_weight, by_weight / scale, rtol=1e-9, atol=1e-9)


def test_a_bias_before_bn_changes_nothing() -> None:
    layer, x, shift = layer_of(), random(5, MAPS, 4, 4), random(MAPS, seed=3).requires_grad_()
    biased = layer(x + per_map(shift))
    torch.testing.assert_close(biased, layer(x), rtol=1e-10, atol=1e-10)
    (gradient,) = torch.autograd.grad(biased, shift, random(5, MAPS, 4, 4, seed=4))
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("splits", [2, 3])
def test_ghost_batch_norm_normalizes_each_part_of_a_batch_by_itself(splits: int) -> None:
    split, whole = layer_of(batch_norm_splits=splits), layer_of()
    whole.load_state_dict(split.state_dict())
    start = whole.running_mean.clone(), whole.running_var.clone()
    x = (random(6, MAPS, 4, 4) + torch.arange(6)[:, None, None, None]).requires_grad_()
    parts, dy = x.split(6 // splits), random(6, MAPS, 4, 4, seed=1)
    output, expected = split(x), torch.cat([whole(part) for part in parts])
    torch.testing.assert_close(output, expected, rtol=1e-10, atol=1e-10)
    ours = torch.autograd.grad(output, [x, split.weight, split.bias], dy)
    theirs = torch.autograd.grad(expected, [x, whole.weight, whole.bias], dy)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)

    halves = [followed([part.detach()], 0.1, start) for part in parts]
    for running, values in zip((split.running_mean, split.running_var), zip(*halves, strict=True), strict=True):
        torch.testing.assert_close(running, sum(values) / splits, rtol=1e-10, atol=1e-10)


def test_in_evaluation_ghost_batch_norm_is_bn() -> None:
    split, whole = layer_of(batch_norm_splits=2), layer_of()
    whole.load_state_dict(split.state_dict())
    x = random(5, MAPS, 4, 4)  # in evaluation the batch size need not be even
    assert torch.equal(split.eval()(x), whole.eval()(x))
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in split.state_dict().items())


def test_synchronized_bn_of_one_process_is_bn() -> None:
    synchronized, whole = layer_of(batch_norm_sync=True), layer_of()
    whole.load_state_dict(synchronized.state_dict())
    x = random(4, MAPS, 4, 4)
    assert torch.equal(synchronized(x), whole(x))
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in synchronized.state_dict().items())


def test_a_net_with_two_splits_gives_each_half_of_a_batch_statistics_of_its_own() -> None:
    split = stirred(network_of(spec(width=2, batch_norm_splits=2, option="B"))).train()
    whole = stirred(network_of(spec(width=2, option="B"))).train()
    images = random(6, 3, 8, 8) + torch.arange(6)[:, None, None, None]
    expected = torch.cat([whole(half) for half in images.chunk(2)])
    torch.testing.assert_close(split(images), expected, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(whole(images), expected, rtol=1e-2)
