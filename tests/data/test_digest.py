"""The digest of a split."""

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_repro.data.dataset import Split, content_digest


def split_of(images: int, seed: int) -> Split:
    random = np.random.default_rng(seed)
    return Split(random.integers(0, 256, (images, 32, 32, 3), np.uint8), random.integers(0, 10, images))


def test_the_digest_is_that_of_the_sorted_binary_records() -> None:
    split = split_of(40, seed=0)
    records = []
    for image, label in zip(split.images, split.labels, strict=True):
        red, green, blue = (image[:, :, colour].tobytes() for colour in range(3))
        records.append(bytes([label]) + red + green + blue)
    assert content_digest(split) == hashlib.sha256(b"".join(sorted(records))).hexdigest()


@given(st.permutations(range(12)))
@settings(deadline=None, max_examples=20)
def test_the_digest_is_independent_of_order_and_memory_layout(order: list[int]) -> None:
    split = split_of(12, seed=1)
    planes_first = np.ascontiguousarray(split.images.transpose(0, 3, 1, 2))[order].transpose(0, 2, 3, 1)
    assert not planes_first.flags.c_contiguous
    assert content_digest(Split(planes_first, split.labels[order])) == content_digest(split)


@given(st.integers(0, 11), st.integers(0, 31), st.integers(0, 31), st.integers(0, 2))
@settings(deadline=None, max_examples=20)
def test_the_digest_changes_with_every_pixel_and_label(image: int, row: int, column: int, colour: int) -> None:
    split, repainted, renamed = (split_of(12, seed=1) for _ in range(3))
    repainted.images[image, row, column, colour] ^= 1
    renamed.labels[image] = (renamed.labels[image] + 1) % 10
    assert len({content_digest(split), content_digest(repainted), content_digest(renamed)}) == 3


def test_the_digest_pairs_each_image_with_its_label() -> None:
    split = split_of(2, seed=2)
    assert content_digest(Split(split.images, np.array([0, 1]))) != content_digest(
        Split(split.images, np.array([1, 0]))
    )
