"""Mini-batches: which images, in which order, cropped and flipped how; a pure function of the seed and the step.

[R] section 4.2: "4 pixels are padded on each side, and a 32x32 crop is randomly sampled from the padded image or
its horizontal flip"; the per-pixel mean is subtracted. The whole split lives on the device that trains, as bytes.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_repro.data.dataset import Split
from resnet_repro.randomness import Stream, generator

PADDING = 4
SIZE = 32
EVALUATION_BATCH = {"cpu": 500, "cuda": 2000, "mps": 500}  # images, by device; a GPU needs many to be busy


class Batch(NamedTuple):
    images: Tensor  # (B, 3, 32, 32) float32, channels_last
    labels: Tensor  # (B,) int64


class EpochPlan(NamedTuple):
    """One epoch, position by position."""

    order: Tensor  # (N,) int64, which image
    corners: Tensor  # (N, 2) int64, top and left of the crop in the padded image, 0 to 8
    flips: Tensor  # (N,) bool


def epoch_plan(seed: int, epoch: int, images: int, augmentation: str) -> EpochPlan:
    """Order, crops and flips of one epoch, on the CPU. "none" takes the centre crop and flips nothing."""
    order = torch.randperm(images, generator=generator(seed, Stream.ORDER, epoch))
    if augmentation == "none":
        return EpochPlan(order, torch.full((images, 2), PADDING), torch.zeros(images, dtype=torch.bool))
    random = generator(seed, Stream.AUGMENTATION, epoch)
    corners = torch.randint(0, 2 * PADDING + 1, (images, 2), generator=random)
    flips = torch.randint(0, 2, (images,), generator=random).bool()
    return EpochPlan(order, corners, flips)


def crop_and_flip(images: Tensor, corners: Tensor, flips: Tensor) -> Tensor:
    """Pad with zeros, crop each image at its own corner, mirror where its flip says so.

    images (B, 32, 32, C), corners (B, 2), flips (B,) -> (B, 32, 32, C)
    """
    padded = F.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))  # (B, 40, 40, C)
    steps = torch.arange(SIZE, device=images.device)
    rows = corners[:, :1] + steps  # (B, 32)
    columns = corners[:, 1:] + torch.where(flips[:, None], SIZE - 1 - steps, steps)  # (B, 32)
    batch = torch.arange(len(images), device=images.device)
    return padded[batch[:, None, None], rows[:, :, None], columns[:, None, :]]


class Normalization:
    """Subtract the training set's mean at each pixel; divide by one number, its standard deviation.

    The division is not in the paper and cannot matter under BN, which cancels it; nets without BN get the input
    of unit variance that their initialisation assumes.
    """

    def __init__(self, train: Split, device: torch.device) -> None:
        pixels = train.images.astype(np.float32)
        mean = pixels.mean(axis=0, dtype=np.float64)
        variance = np.square(pixels, out=pixels).mean(axis=0, dtype=np.float64) - np.square(mean)
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device)  # (32, 32, 3)
        self.scale = 1 / (float(np.sqrt(variance.mean())) or 1.0)  # equal images have nothing to scale

    def __call__(self, images: Tensor) -> Tensor:
        """(B, 32, 32, 3) uint8 -> (B, 32, 32, 3) float32"""
        return (images.float() - self.mean) * self.scale


def _as_input(images: Tensor) -> Tensor:
    """(B, 32, 32, 3) -> (B, 3, 32, 32), channels_last in memory without a copy"""
    return images.permute(0, 3, 1, 2)


class TrainingBatches:
    """An endless stream of mini-batches, each of exactly `batch_size` images.

    The epochs' orders are joined end to end, so a batch may end one epoch and begin the next: every image is seen
    equally often, and 64,000 steps of 128 are 163.84 epochs of 50,000. `batches[step]` depends on nothing but the
    seed and the step. It is made in two parts: `draw` chooses, on the host; `load` does the work, with operations
    on the device alone, so that a CUDA graph can hold it.
    """

    def __init__(
        self,
        split: Split,
        normalization: Normalization,
        batch_size: int,
        seed: int,
        augmentation: str,
        device: torch.device,
    ) -> None:
        self.images = torch.from_numpy(split.images).to(device)
        self.labels = torch.from_numpy(split.labels).to(device)
        self.normalization = normalization
        self.batch_size = batch_size

        @lru_cache(maxsize=2)  # a batch spans two epochs at most
        def plan(epoch: int) -> Tensor:
            order, corners, flips = epoch_plan(seed, epoch, len(split.labels), augmentation)
            return torch.cat([order[:, None], corners, flips[:, None]], dim=1).to(device)

        self._plan = plan

    def draw(self, step: int) -> Tensor:
        """(B, 4) int64: image, top, left and flip of each place in the batch of iteration `step`, counted from 0."""
        size = len(self.labels)
        epoch, start = divmod(step * self.batch_size, size)
        stop = start + self.batch_size
        drawn = self._plan(epoch)[start:stop]
        return drawn if stop <= size else torch.cat([drawn, self._plan(epoch + 1)[: stop - size]])

    def load(self, draw: Tensor) -> Batch:
        """The batch that was drawn."""
        order, corners, flips = draw[:, 0], draw[:, 1:3], draw[:, 3].bool()
        images = crop_and_flip(self.normalization(self.images[order]), corners, flips)
        return Batch(_as_input(images), self.labels[order])

    def __getitem__(self, step: int) -> Batch:
        return self.load(self.draw(step))


class EvaluationBatches:
    """The first `limit` images of a split, each once, in order, as they are: the single original 32x32 view.

    With `start` and `every`, which may leave nothing, only each so-manieth of them.
    """

    def __init__(
        self,
        split: Split,
        normalization: Normalization,
        device: torch.device,
        limit: int | None = None,
        start: int = 0,
        every: int = 1,
    ) -> None:
        self.images = torch.from_numpy(split.images[start:limit:every]).to(device)
        self.labels = torch.from_numpy(split.labels[start:limit:every]).to(device)
        self.normalization = normalization

    def __iter__(self) -> Iterator[Batch]:
        size = EVALUATION_BATCH[self.images.device.type]
        for first in range(0, len(self.labels), size):
            batch = slice(first, first + size)
            yield Batch(_as_input(self.normalization(self.images[batch])), self.labels[batch])
