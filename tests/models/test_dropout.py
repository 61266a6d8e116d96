"""Dropout: its mask depends on the run's seed, the step and the layer, and on nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from straight_line import ORDERS, SMALLEST, random, spec_of, stirred
from torch import Tensor, nn

from resnet_repro.data import DATASETS
from resnet_repro.models.build import network_of
from resnet_repro.models.layers import Dropout
from resnet_repro.models.units import Unit
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.seeding import random_bits
from resnet_repro.spec import DataSpec, Experiment, TrainingSpec

Mask = tuple[bool, ...]
NETS: dict[str, dict[str, Any]] = {
    "in the branches": {"dropout": 0.5},
    "on the shortcuts": {"shortcut": "dropout", "shortcut_dropout": 0.5},
}


def dropout_of(rate: float, seed: int = 0) -> Dropout:
    layer = Dropout(rate).train()
    layer.seed.fill_(seed)
    return layer


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_values_are_zeroed_at_the_rate_and_the_mean_is_kept(rate: float) -> None:
    x = random(8, 16, 16, 16).abs() + 1
    y = dropout_of(rate)(x)
    kept = y != 0
    torch.testing.assert_close(y[kept], x[kept] / (1 - rate), rtol=1e-12, atol=0)
    noise = 4 * (rate * (1 - rate) / x.numel()) ** 0.5
    assert kept.double().mean().item() == pytest.approx(1 - rate, abs=noise)
    assert y.mean().item() == pytest.approx(x.mean().item(), abs=noise / (1 - rate) * x.square().mean().sqrt().item())


def test_the_seed_alone_decides_the_mask() -> None:
    x = torch.ones(2, 4, 8, 8)
    torch.manual_seed(1)
    one = dropout_of(0.5, seed=3)(x)
    torch.manual_seed(2)
    assert torch.equal(dropout_of(0.5, seed=3)(x), one)
    assert torch.equal(dropout_of(0.5, seed=3)(7 * x), 7 * one)
    assert not torch.equal(dropout_of(0.5, seed=4)(x), one)


def test_the_mask_does_not_depend_on_the_memory_format() -> None:
    x = torch.ones(2, 4, 8, 8)
    y = dropout_of(0.5)(x.to(memory_format=torch.channels_last))
    assert torch.equal(dropout_of(0.5)(x), y)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_random_bits_are_splitmix64s() -> None:
    bits = random_bits(torch.tensor(1234567), 10)
    assert [number % 2**64 for number in bits.view(torch.int64).tolist()] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert torch.equal(random_bits(torch.tensor(1234567), 7), bits[:7])
    assert random_bits(torch.tensor(0), 0).shape == (0,)


def test_random_bits_of_neighbouring_seeds_are_uncorrelated() -> None:
    bits = torch.stack([random_bits(torch.tensor(seed), 100_000) for seed in range(4)])
    signs = torch.cat([bits.sign(), (bits << 16).sign()], dim=1).double()  # the highest bit, and one in the middle
    correlations = signs @ signs.T / signs.shape[1]
    assert (correlations - torch.eye(4)).abs().max() < 5 / signs.shape[1] ** 0.5


def test_dropout_leaves_torchs_global_generator_alone() -> None:
    before = torch.get_rng_state()
    dropout_of(0.5)(torch.ones(2, 4, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_values_are_zeroed_independently_of_their_map_and_pixel() -> None:
    kept = dropout_of(0.5)(torch.ones(4, 8, 8, 8)) != 0
    for dims in [(0, 1), (2, 3), (1, 2, 3), (0, 2, 3)]:
        assert kept.double().mean(dims).std() > 0
    assert not kept.flatten(2).all(dim=2).any()
    assert kept.flatten(2).any(dim=2).all()


def test_evaluation_and_a_rate_of_zero_are_the_identity() -> None:
    x = torch.ones(2, 4, 8, 8)
    assert dropout_of(0.5).eval()(x) is x
    assert dropout_of(0.0)(x) is x


def test_the_gradient_has_the_mask_of_the_values() -> None:
    x = torch.ones(2, 4, 8, 8, requires_grad=True)
    y = dropout_of(0.25)(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y.detach())


@pytest.mark.parametrize("block", SMALLEST)
@pytest.mark.parametrize("order", ORDERS)
def test_a_nets_dropout_stands_before_the_last_convolution_of_each_branch(order: str, block: str) -> None:
    net = network_of(spec_of(depth=SMALLEST[block], unit=order, block=block, width=2, dropout=0.3))
    units = [module for module in net.modules() if isinstance(module, Unit)]
    for unit in units:
        chain = list(unit.branch)
        last = max(place for place, module in enumerate(chain) if isinstance(module, nn.Conv2d))
        assert [place for place, module in enumerate(chain) if isinstance(module, Dropout)] == [last - 1]
        assert chain[last - 1].rate == 0.3
    assert sum(isinstance(module, Dropout) for module in net.modules()) == len(units) == 3


def test_a_net_has_no_dropout_by_default() -> None:
    assert not any(isinstance(module, Dropout) for module in network_of(spec_of(depth=20)).modules())


@pytest.mark.parametrize("place", NETS)
def test_in_evaluation_a_net_with_dropout_is_the_net_without(place: str) -> None:
    dropping = stirred(network_of(spec_of(depth=8, width=3, **NETS[place])))
    without = stirred(network_of(spec_of(depth=8, width=3)))
    parameters = zip(dropping.parameters(), without.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in parameters)
    images = random(3, 3, 16, 16)
    assert torch.equal(dropping.eval()(images), without.eval()(images))
    assert not torch.equal(dropping.train()(images), without.train()(images))


@pytest.fixture(scope="module")
def masks_of() -> Callable[..., list[list[Mask]]]:
    """The masks that each dropout layer drew at each step of a run: masks_of(seed, place, steps)."""
    data = DataSpec(dataset="synthetic", train_images=32, test_images=10)
    dataset = DATASETS["synthetic"](Path(), 32, 10)

    def masks(seed: int, place: str, first: int = 0, steps: int = 3) -> list[list[Mask]]:
        model = spec_of(depth=8, width=2, activation="tanh", **NETS[place])  # tanh, as its values are never exactly 0
        training = TrainingSpec(steps=steps, batch_size=8, clean_images=8, precision="fp32")
        experiment = Experiment(name="x", seed=seed, model=model, data=data, training=training)
        trainer = build_trainer(experiment, dataset, torch.device("cpu"))
        drawn: list[list[Mask]] = []

        def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if layer.training:
                maps = inputs[0][:, :2]  # the others are zeros of option A
                drawn[-1].append(tuple((output[:, :2] != 0)[maps != 0].tolist()))

        for module in trainer.engine.net.modules():
            if isinstance(module, Dropout):
                module.register_forward_hook(note)
        trainer.step = trainer.row_step = first
        run = trainer.run()
        while trainer.step < steps:
            drawn.append([])
            next(run)
        return drawn

    return masks


@pytest.mark.parametrize("place", NETS)
def test_different_steps_layers_and_seeds_draw_different_masks(
    place: str, masks_of: Callable[..., list[list[Mask]]]
) -> None:
    drawn = masks_of(0, place)
    assert [len(step) for step in drawn] == [3, 3, 3]
    masks = [mask for step in drawn + masks_of(1, place) for mask in step]
    starts = {mask[:100] for mask in masks}
    assert len(starts) == len(masks) == 18


@pytest.mark.parametrize("place", NETS)
def test_torchs_global_seed_does_not_change_a_runs_masks(place: str, masks_of: Callable[..., list[list[Mask]]]) -> None:
    torch.manual_seed(1)
    drawn = masks_of(0, place)
    torch.manual_seed(2)
    assert masks_of(0, place) == drawn


@pytest.mark.parametrize("place", NETS)
def test_a_steps_masks_do_not_depend_on_the_steps_before_it(
    place: str, masks_of: Callable[..., list[list[Mask]]]
) -> None:
    assert masks_of(0, place, first=2) == masks_of(0, place)[2:]
