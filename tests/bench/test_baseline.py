"""The baseline trains the same net, augments its images, and ends its workers."""

import multiprocessing

import numpy as np
import pytest
import torch

from resnet_repro.bench.baseline import Baseline, PilImages
from resnet_repro.bench.ours import bench_trainer
from resnet_repro.data.dataset import Split
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # of workers
CPU = torch.device("cpu")
EXPERIMENT = Experiment(
    name="tiny",
    model=ModelSpec(depth=8, width=4),
    data=DataSpec(dataset="synthetic", train_images=64, test_images=20),
    training=TrainingSpec(batch_size=16, precision="fp32"),
)


def learnable(images: int) -> Split:
    """Images whose brightness grows with their class."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, images)
    pixels = random.integers(0, 20, (images, 32, 32, 3)) + 25 * labels[:, None, None, None]
    return Split(pixels.clip(0, 255).astype(np.uint8), labels)


def test_the_baseline_trains_and_its_workers_end_with_its_turn() -> None:
    baseline = Baseline(EXPERIMENT, learnable(64), CPU)
    losses = []
    with baseline.turn() as step:
        for _ in range(20):  # five epochs
            step()
            losses.append(baseline.loss)
            assert 0 <= baseline.accuracy <= 1
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])


def test_the_baselines_net_is_ours_in_fp32_and_torchs_default_order() -> None:
    theirs = Baseline(EXPERIMENT, learnable(64), CPU).net.state_dict()
    ours = bench_trainer(EXPERIMENT, CPU).engine.net.state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    kernels = [value for value in theirs.values() if value.dim() == 4]
    assert kernels
    assert all(value.is_contiguous() and value.dtype == torch.float32 for value in kernels)


def test_the_baseline_has_the_settings_of_the_spec() -> None:
    settings = {"learning_rate": 0.02, "momentum": 0.8, "weight_decay": 1e-3}
    experiment = EXPERIMENT.model_copy(update={"training": EXPERIMENT.training.model_copy(update=settings)})
    baseline = Baseline(experiment, learnable(64), CPU)
    group = baseline.optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.02, 0.8, 1e-3)
    assert baseline.loader.batch_size == 16


def test_images_are_cropped_and_flipped_unless_the_spec_says_otherwise() -> None:
    split = learnable(1)
    plain, augmented = PilImages(split, augmented=False), PilImages(split, augmented=True)
    first, label = plain[0]
    assert label == split.labels[0]
    assert first.shape == (3, 32, 32)
    assert torch.equal(first, plain[0][0])
    red = (split.images[0, :, :, 0] / 255 - 0.4914) / 0.2023
    torch.testing.assert_close(first[0].double(), torch.from_numpy(red), rtol=1e-5, atol=1e-5)
    seen = [augmented[0][0] for _ in range(20)]
    black = torch.tensor((0 - 0.4914) / 0.2023)
    assert first[0].min() > black + 1
    assert any(torch.isclose(image[0], black).float().mean() > 0.01 for image in seen)  # a border of zeros
    assert len({image.numpy().tobytes() for image in seen}) > 10
