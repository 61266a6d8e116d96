"""Mini-batches: their images, order, crops, flips and normalisation."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from splits import CPU, slow_crop_and_flip, split_of

from resnet_repro.data.batches import (
    EvaluationBatches,
    Normalization,
    TrainingBatches,
    epoch_plan,
    normalization_of,
)
from resnet_repro.data.dataset import Split


def batches_of(split: Split, batch_size: int, seed: int = 0, augmentation: str = "crop_flip") -> TrainingBatches:
    return TrainingBatches(split, Normalization(split, CPU), batch_size, seed, augmentation, CPU)


@given(st.integers(1, 60).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_every_epoch_shows_every_image_once(sizes: tuple[int, int], seed: int) -> None:
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
def test_a_batch_depends_only_on_its_step(steps: list[int]) -> None:
    split = split_of(20)
    in_order, shuffled = batches_of(split, 7), batches_of(split, 7)
    expected = [in_order[step] for step in range(12)]
    for step in steps:
        batch = shuffled[step]
        assert torch.equal(batch.images, expected[step].images)
        assert torch.equal(batch.labels, expected[step].labels)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (2, 3), (3, 40)])  # within an epoch, across one end, across many
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


def test_the_runs_of_one_process_share_normalization_and_images() -> None:
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
            top, left = corners[position].tolist()
            expected = slow_crop_and_flip(image, top, left, bool(flips[position]))
            assert np.array_equal(images[row].permute(1, 2, 0).numpy(), expected)


def test_without_augmentation_a_batch_holds_the_normalized_images() -> None:
    split = split_of(10)
    images, labels = batches_of(split, 4, augmentation="none")[1]
    expected = Normalization(split, CPU)(torch.from_numpy(split.images)[labels])
    assert torch.equal(images.permute(0, 2, 3, 1), expected)


@pytest.mark.parametrize("step", [0, 2])  # step 2 crosses into the next epoch
def test_batches_are_channels_last_float32(step: int) -> None:
    images, labels = batches_of(split_of(10), 4)[step]
    assert images.shape == (4, 3, 32, 32)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)


def test_normalization_subtracts_the_mean_of_each_pixel_and_divides_by_one_standard_deviation() -> None:
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
    split = Split(split_of(200).images // 4 + 150, np.arange(200))  # bright images, so that black differs from the mean
    images, _ = batches_of(split, 200)[0]
    plan = epoch_plan(0, 0, 200, "crop_flip")
    for image, (top, left), flip in zip(images, plan.corners.tolist(), plan.flips.tolist(), strict=True):
        unflipped = image.flip(2) if flip else image
        outside = torch.ones(32, 32, dtype=torch.bool)
        outside[max(4 - top, 0) : 36 - top, max(4 - left, 0) : 36 - left] = False
        assert (unflipped[:, outside] == 0).all()
        assert (unflipped[:, ~outside] != 0).double().mean() > 0.95
