"""Batches of an evaluation."""

import numpy as np
import pytest
import torch
from splits import CPU, split_of

from resnet_repro.data.batches import (
    EvaluationBatches,
    Normalization,
)
from resnet_repro.data.dataset import Split


@pytest.mark.parametrize("images", [1, 499, 500, 501, 1234])
def test_an_evaluation_yields_the_split_once_in_order(images: int) -> None:
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
def test_an_evaluation_is_limited_to_the_first_images(limit: int | None, seen: int) -> None:
    split = split_of(20)
    batches = list(EvaluationBatches(split, Normalization(split, CPU), CPU, limit))
    assert [batch.labels.tolist() for batch in batches] == [list(range(seen))]


@pytest.mark.parametrize(("images", "parts"), [(20, 2), (21, 4), (2, 3)])
def test_the_parts_of_an_evaluation_make_up_the_split(images: int, parts: int) -> None:
    split = split_of(images)
    normalization = Normalization(split, CPU)
    shares = [EvaluationBatches(split, normalization, CPU, start=part, every=parts) for part in range(parts)]
    labels = [label for share in shares for batch in share for label in batch.labels.tolist()]
    assert sorted(labels) == sorted(split.labels.tolist())
    assert [sum(len(batch.labels) for batch in share) for share in shares] == [
        len(range(part, images, parts)) for part in range(parts)
    ]
