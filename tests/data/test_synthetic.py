"""The synthetic data set: deterministic, balanced, named as synthetic, and not linearly separable."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resnet_repro.data import DATASETS, Dataset
from resnet_repro.data.dataset import content_digest
from resnet_repro.data.synthetic import SHAPES, load_synthetic
from resnet_repro.spec import DataSpec

NOWHERE = Path("/no/such/folder")


@pytest.fixture(scope="module")
def synthetic() -> Dataset:
    return load_synthetic(NOWHERE, 4000, 1000)


def test_the_spec_names_exactly_the_existing_data_sets() -> None:
    assert set(get_args(DataSpec.model_fields["dataset"].annotation)) == set(DATASETS)
    assert DATASETS["synthetic"] is load_synthetic


def test_its_name_is_not_cifar10(synthetic: Dataset) -> None:
    assert not synthetic.exact
    assert "synthetic" in synthetic.name
    assert "CIFAR" not in synthetic.name


def test_images_are_bytes_and_labels_numbers(synthetic: Dataset) -> None:
    for split, images in [(synthetic.train, 4000), (synthetic.test, 1000)]:
        assert split.images.shape == (images, 32, 32, 3)
        assert split.images.dtype == np.uint8
        assert split.labels.shape == (images,)
        assert split.labels.dtype == np.int64
        assert split.images.flags.c_contiguous


def test_its_ten_classes_are_balanced(synthetic: Dataset) -> None:
    assert len(SHAPES) == 10
    assert np.bincount(synthetic.train.labels).tolist() == [400] * 10
    assert np.bincount(synthetic.test.labels).tolist() == [100] * 10


@pytest.mark.parametrize(("train_images", "test_images"), [(1, 1), (77, 13), (1001, 320)])
def test_the_first_images_are_the_same_at_every_size(synthetic: Dataset, train_images: int, test_images: int) -> None:
    smaller = load_synthetic(NOWHERE, train_images, test_images)
    for split, whole, images in [
        (smaller.train, synthetic.train, train_images),
        (smaller.test, synthetic.test, test_images),
    ]:
        assert np.array_equal(split.images, whole.images[:images])
        assert np.array_equal(split.labels, whole.labels[:images])


def test_its_digest_is_that_of_its_content(synthetic: Dataset) -> None:
    assert synthetic.digest == f"{content_digest(synthetic.train)} {content_digest(synthetic.test)}"


def test_all_images_of_both_splits_differ(synthetic: Dataset) -> None:
    images = {image.tobytes() for split in (synthetic.train, synthetic.test) for image in split.images}
    assert len(images) == 5000


def test_its_pixels_use_the_whole_range_and_vary_everywhere(synthetic: Dataset) -> None:
    assert synthetic.train.images.min() == 0
    assert synthetic.train.images.max() == 255
    assert synthetic.train.images.std(axis=0).min() > 25


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("weight_decay", [1e-3, 1e-2])
def test_a_linear_model_errs_on_more_than_half(synthetic: Dataset, standardised: bool, weight_decay: float) -> None:
    def pixels(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images).flatten(1).float() / 255

    train, test = pixels(synthetic.train.images), pixels(synthetic.test.images)
    mean, std = train.mean(dim=0), train.std(dim=0) if standardised else torch.tensor(1.0)
    train, test = (train - mean) / std, (test - mean) / std
    labels = torch.from_numpy(synthetic.train.labels)
    weight, bias = torch.zeros(10, 3072, requires_grad=True), torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=40, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(train @ weight.T + bias, labels) + weight_decay / 2 * weight.square().sum()
        loss.backward()
        return loss

    untrained = optimizer.step(closure).item()
    assert closure().item() < 0.95 * untrained  # the model did learn
    errors = (test @ weight.T + bias).argmax(dim=1) != torch.from_numpy(synthetic.test.labels)
    assert errors.float().mean() > 0.5
