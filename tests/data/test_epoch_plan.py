"""Order, crops and flips of an epoch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from splits import slow_crop_and_flip
from torch import Tensor

from resnet_repro.data.batches import (
    epoch_plan,
    view_numbers,
    view_pixels,
)
from resnet_repro.seeding import Stream, generator


def crop_and_flip(images: Tensor, corners: Tensor, flips: Tensor) -> Tensor:
    """images (B, 32, 32, C) float32 -> (B, 32, 32, C), each in its view"""
    padded = F.pad(images, (0, 0, 4, 4, 4, 4)).flatten(1, 2)  # (B, 1600, C)
    pixels = view_pixels()[view_numbers(corners, flips)]  # (B, 1024)
    return torch.stack([image[there] for image, there in zip(padded, pixels, strict=True)]).view(images.shape)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans()), min_size=1, max_size=6))
@settings(deadline=None, max_examples=50)
def test_crops_and_flips_equal_those_of_one_image_at_a_time(choices: list[tuple[int, int, bool]]) -> None:
    images = np.random.default_rng(0).standard_normal((len(choices), 32, 32, 3), np.float32)
    corners = torch.tensor([choice[:2] for choice in choices])
    flips = torch.tensor([choice[2] for choice in choices])
    expected = [slow_crop_and_flip(image, *choice) for image, choice in zip(images, choices, strict=True)]
    assert np.array_equal(crop_and_flip(torch.from_numpy(images), corners, flips).numpy(), np.stack(expected))


@given(st.integers(0, 2**32 - 1), st.integers(0, 200), st.integers(1, 300))
@settings(deadline=None, max_examples=50)
def test_an_epochs_order_is_a_permutation(seed: int, epoch: int, images: int) -> None:
    assert epoch_plan(seed, epoch, images, "crop_flip").order.sort().values.tolist() == list(range(images))


def test_crops_take_all_81_corners_equally_often() -> None:
    top, left = epoch_plan(0, 0, 50_000, "crop_flip").corners.T
    counts = torch.bincount(9 * top + left)
    assert len(counts) == 81
    expected = 50_000 / 81
    assert ((counts - expected).abs() < 5 * expected**0.5).all()
    assert ((torch.bincount(top) - 50_000 / 9).abs() < 5 * (50_000 / 9) ** 0.5).all()


def test_half_of_the_images_are_flipped_for_every_crop() -> None:
    plan = epoch_plan(0, 0, 50_000, "crop_flip")
    assert plan.flips.sum().item() == pytest.approx(25_000, abs=4 * 112)
    for row in range(9):
        there = plan.flips[plan.corners[:, 0] == row]
        assert there.sum().item() == pytest.approx(len(there) / 2, abs=2 * len(there) ** 0.5)


def test_an_image_gets_another_crop_in_every_epoch() -> None:
    first, second = (epoch_plan(0, epoch, 5000, "crop_flip") for epoch in (0, 1))
    same = (first.corners[first.order.argsort()] == second.corners[second.order.argsort()]).all(dim=1)
    assert same.sum().item() == pytest.approx(5000 / 81, abs=4 * (5000 / 81) ** 0.5)


def test_without_augmentation_the_crop_is_the_image_itself() -> None:
    plan = epoch_plan(5, 2, 100, "none")
    images = torch.randn(100, 32, 32, 3)
    assert torch.equal(crop_and_flip(images, plan.corners, plan.flips), images)


def test_a_plan_is_a_pure_function_of_seed_and_epoch() -> None:
    plan = epoch_plan(7, 3, 100, "crop_flip")
    epoch_plan(7, 4, 100, "crop_flip")
    torch.manual_seed(11)
    assert all(torch.equal(one, other) for one, other in zip(plan, epoch_plan(7, 3, 100, "crop_flip"), strict=True))


@pytest.mark.parametrize(("seed", "epoch"), [(7, 4), (8, 3), (3, 7)])
def test_another_seed_or_epoch_gives_another_plan(seed: int, epoch: int) -> None:
    plan, other = epoch_plan(7, 3, 100, "crop_flip"), epoch_plan(seed, epoch, 100, "crop_flip")
    assert not any(torch.equal(*parts) for parts in zip(plan, other, strict=True))


def test_augmentation_does_not_change_the_order() -> None:
    assert torch.equal(epoch_plan(7, 3, 100, "none").order, epoch_plan(7, 3, 100, "crop_flip").order)


def test_order_and_augmentation_have_streams_of_their_own() -> None:
    plan = epoch_plan(7, 3, 100, "crop_flip")
    assert torch.equal(plan.order, torch.randperm(100, generator=generator(7, Stream.ORDER, 3)))
    assert torch.equal(plan.corners, torch.randint(9, (100, 2), generator=generator(7, Stream.AUGMENTATION, 3)))


def test_streams_seeds_and_indexes_have_generators_of_their_own() -> None:
    states = {
        generator(seed, stream, index).initial_seed() for seed in range(5) for stream in Stream for index in range(5)
    }
    assert len(states) == 5 * len(Stream) * 5


def test_the_generators_seeds_are_pinned() -> None:
    assert {stream.name: generator(0, stream).initial_seed() for stream in Stream} == {
        "INITIALIZATION": 6569863346532939966,
        "ORDER": 5836529245451711556,
        "AUGMENTATION": 7971947199917040255,
        "DROPOUT": 6582426945856704739,
    }
    assert generator(2**32 - 1, Stream.ORDER, 163).initial_seed() == 2567878899979545414
