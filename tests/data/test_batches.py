"""Mini-batches: their images, order, crops, flips and normalisation."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from resnet_repro.data.batches import (
    EvaluationBatches,
    Normalization,
    TrainingBatches,
    epoch_plan,
    normalization_of,
    view_numbers,
    view_pixels,
)
from resnet_repro.data.dataset import Split
from resnet_repro.seeding import Stream, generator

CPU = torch.device("cpu")


def split_of(images: int, seed: int = 0) -> Split:
    """Random pixels; the labels number the images, so that a batch tells which it holds."""
    pixels = np.random.default_rng(seed).integers(0, 256, (images, 32, 32, 3), np.uint8)
    return Split(pixels, np.arange(images))


def batches_of(split: Split, batch_size: int, seed: int = 0, augmentation: str = "crop_flip") -> TrainingBatches:
    return TrainingBatches(split, Normalization(split, CPU), batch_size, seed, augmentation, CPU)


def crop_and_flip(images: Tensor, corners: Tensor, flips: Tensor) -> Tensor:
    """images (B, 32, 32, C) float32 -> (B, 32, 32, C), each in its view"""
    padded = F.pad(images, (0, 0, 4, 4, 4, 4)).flatten(1, 2)  # (B, 1600, C)
    pixels = view_pixels()[view_numbers(corners, flips)]  # (B, 1024)
    return torch.stack([image[there] for image, there in zip(padded, pixels, strict=True)]).view(images.shape)


def slow_crop_and_flip(image: npt.NDArray[np.float32], top: int, left: int, flip: bool) -> npt.NDArray[np.float32]:
    padded = np.zeros((40, 40, 3), np.float32)
    padded[4:36, 4:36] = image
    cropped = padded[top : top + 32, left : left + 32]
    return cropped[:, ::-1] if flip else cropped


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans()), min_size=1, max_size=6))
@settings(deadline=None, max_examples=50)
def test_crop_and_flip_equals_one_image_at_a_time(choices: list[tuple[int, int, bool]]) -> None:
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


def test_half_of_the_images_are_flipped_whatever_their_crop() -> None:
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
def test_another_seed_or_epoch_plans_otherwise(seed: int, epoch: int) -> None:
    plan, other = epoch_plan(7, 3, 100, "crop_flip"), epoch_plan(seed, epoch, 100, "crop_flip")
    assert not any(torch.equal(*parts) for parts in zip(plan, other, strict=True))


def test_augmentation_leaves_the_order_alone() -> None:
    assert torch.equal(epoch_plan(7, 3, 100, "none").order, epoch_plan(7, 3, 100, "crop_flip").order)


def test_order_and_augmentation_are_drawn_from_streams_of_their_own() -> None:
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


@given(st.integers(1, 60).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_joined_epochs_show_every_image_once_each(sizes: tuple[int, int], seed: int) -> None:
    images, batch_size = sizes
    pixels = np.broadcast_to(np.arange(images, dtype=np.uint8)[:, None, None, None], (images, 32, 32, 3)).copy()
    batches = TrainingBatches(
        Split(pixels, np.arange(images)), Normalization(split_of(2), CPU), batch_size, seed, "crop_flip", CPU
    )
    steps = -(-3 * images // batch_size)
    drawn = [batches[step].labels for step in range(steps)]
    assert all(len(labels) == batch_size for labels in drawn)
    for epoch, order in enumerate(torch.cat(drawn)[: 3 * images].split(images)):
        assert order.tolist() == epoch_plan(seed, epoch, images, "crop_flip").order.tolist()
        assert order.sort().values.tolist() == list(range(images))


@given(st.permutations(range(12)))
@settings(deadline=None, max_examples=15)
def test_a_batch_depends_on_its_step_alone(steps: list[int]) -> None:
    split = split_of(20)
    in_order, shuffled = batches_of(split, 7), batches_of(split, 7)
    expected = [in_order[step] for step in range(12)]
    for step in steps:
        batch = shuffled[step]
        assert torch.equal(batch.images, expected[step].images)
        assert torch.equal(batch.labels, expected[step].labels)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (2, 3), (3, 40)])  # epochs end within a batch, and many of them
def test_draws_of_many_steps_are_those_of_each(first: int, count: int) -> None:
    batches = batches_of(split_of(20), 7)
    draws = batches.draws(first, count)
    assert (draws.shape, draws.dtype) == ((count, 7, 2), torch.int64)
    assert torch.equal(draws, torch.cat([batches.draws(step, 1) for step in range(first, first + count)]))


def test_a_share_of_a_draw_loads_the_same_images() -> None:
    batches = batches_of(split_of(20), 8)
    draw = batches.draws(1, 1)[0]
    whole, shares = batches.load(draw), [batches.load(share) for share in draw.split(4)]
    assert torch.equal(torch.cat([share.images for share in shares]), whole.images)
    assert torch.equal(torch.cat([share.labels for share in shares]), whole.labels)


def test_the_runs_of_one_process_share_what_is_made_of_a_split() -> None:
    split, other = split_of(20), split_of(20)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: normalization_of(split, CPU), range(8)))
    assert all(normalization is made[0] for normalization in made)
    assert normalization_of(other, CPU) is not made[0]
    one, two = batches_of(split, 4), EvaluationBatches(split, made[0], CPU)
    assert one.images.data_ptr() == two.images.data_ptr() == split.images.ctypes.data


def test_each_image_keeps_its_own_label_crop_and_flip_also_across_epochs() -> None:
    split = split_of(10)
    batches, normalization = batches_of(split, 8, seed=4), Normalization(split, CPU)
    plans = [epoch_plan(4, epoch, 10, "crop_flip") for epoch in range(2)]
    order, corners, flips = (torch.cat(parts) for parts in zip(*plans, strict=True))
    for step in range(2):
        images, labels = batches[step]
        for row, position in enumerate(range(8 * step, 8 * step + 8)):
            number = int(order[position])
            assert labels[row] == number
            image = normalization(torch.from_numpy(split.images[number])).numpy()
            expected = slow_crop_and_flip(image, *corners[position].tolist(), bool(flips[position]))
            assert np.array_equal(images[row].permute(1, 2, 0).numpy(), expected)


def test_without_augmentation_a_batch_holds_the_normalized_images() -> None:
    split = split_of(10)
    images, labels = batches_of(split, 4, augmentation="none")[1]
    expected = Normalization(split, CPU)(torch.from_numpy(split.images)[labels])
    assert torch.equal(images.permute(0, 2, 3, 1), expected)


@pytest.mark.parametrize("step", [0, 2])  # the latter crosses into the next epoch
def test_batches_are_channels_last_float32(step: int) -> None:
    images, labels = batches_of(split_of(10), 4)[step]
    assert images.shape == (4, 3, 32, 32)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)


def test_normalization_subtracts_the_mean_of_each_pixel_and_divides_by_one_deviation() -> None:
    train = split_of(50)
    pixels = train.images.astype(np.float64)
    centred = pixels - pixels.mean(axis=0)
    expected = centred / np.sqrt(np.square(centred).mean())
    normalized = Normalization(train, CPU)(torch.from_numpy(train.images))
    assert normalized.dtype == torch.float32
    assert np.allclose(normalized.numpy(), expected, rtol=0, atol=1e-6)
    assert normalized.double().mean(dim=0).abs().max() < 1e-6
    assert normalized.double().square().mean().item() == pytest.approx(1, abs=1e-6)


def test_other_images_are_normalized_by_the_training_splits_mean_and_deviation() -> None:
    dark = Split((split_of(40).images // 8), np.arange(40))
    bright = split_of(30, seed=1)
    pixels = dark.images.astype(np.float64)
    expected = (bright.images - pixels.mean(axis=0)) / np.sqrt(np.square(pixels - pixels.mean(axis=0)).mean())
    normalization = Normalization(dark, CPU)
    batch = next(iter(EvaluationBatches(bright, normalization, CPU)))
    assert np.allclose(batch.images.permute(0, 2, 3, 1).numpy(), expected, rtol=1e-6, atol=1e-5)


def test_the_padding_is_zero_after_the_mean_is_subtracted() -> None:
    split = Split(split_of(200).images // 4 + 150, np.arange(200))  # black would be far below the mean
    images, _ = batches_of(split, 200)[0]
    plan = epoch_plan(0, 0, 200, "crop_flip")
    for image, (top, left), flip in zip(images, plan.corners.tolist(), plan.flips.tolist(), strict=True):
        unflipped = image.flip(2) if flip else image
        outside = torch.ones(32, 32, dtype=torch.bool)
        outside[max(4 - top, 0) : 36 - top, max(4 - left, 0) : 36 - left] = False
        assert (unflipped[:, outside] == 0).all()
        assert (unflipped[:, ~outside] != 0).double().mean() > 0.95


@pytest.mark.parametrize("images", [1, 499, 500, 501, 1234])
def test_evaluation_sees_the_split_once_in_order(images: int) -> None:
    split = Split(np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3), np.uint8), np.arange(images))
    normalization = Normalization(split_of(10), CPU)
    batches = EvaluationBatches(split, normalization, CPU)
    for _ in range(2):
        seen = list(batches)
        assert torch.cat([labels for _, labels in seen]).tolist() == list(range(images))
        joined = torch.cat([batch.images for batch in seen])
        assert torch.equal(joined.permute(0, 2, 3, 1), normalization(torch.from_numpy(split.images)))
        assert all(batch.images.is_contiguous(memory_format=torch.channels_last) for batch in seen)
        assert all(batch.images.dtype == torch.float32 for batch in seen)


@pytest.mark.parametrize(("limit", "seen"), [(1, 1), (20, 20), (21, 20), (None, 20)])
def test_evaluation_takes_the_first_images_up_to_its_limit(limit: int | None, seen: int) -> None:
    split = split_of(20)
    batches = list(EvaluationBatches(split, Normalization(split, CPU), CPU, limit))
    assert [batch.labels.tolist() for batch in batches] == [list(range(seen))]


@pytest.mark.parametrize(("images", "parts"), [(20, 2), (21, 4), (2, 3)])
def test_parts_of_an_evaluation_are_the_whole(images: int, parts: int) -> None:
    split = split_of(images)
    normalization = Normalization(split, CPU)
    shares = [EvaluationBatches(split, normalization, CPU, start=part, every=parts) for part in range(parts)]
    labels = [label for share in shares for batch in share for label in batch.labels.tolist()]
    assert sorted(labels) == sorted(split.labels.tolist())
    assert [sum(len(batch.labels) for batch in share) for share in shares] == [
        len(range(part, images, parts)) for part in range(parts)
    ]
