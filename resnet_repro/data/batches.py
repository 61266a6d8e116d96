"""Mini-batches: the images of a step, with their crops and flips, as a pure function of the seed and the step.

[R] section 4.2: "4 pixels are padded on each side, and a 32x32 crop is randomly sampled from the padded image or
its horizontal flip"; the per-pixel mean is subtracted. The whole split is held as bytes on the device that trains.
"""

import threading
from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from resnet_repro.data.dataset import Split
from resnet_repro.seeding import Stream, generator

PADDING = 4
SIZE = 32
CORNERS = 2 * PADDING + 1  # positions of a crop along each side of the padded image
EVALUATION_BATCH = {"cpu": 500, "cuda": 2000, "mps": 500}  # images, by kind of device; a GPU needs many to be busy

T = TypeVar("T")


class Batch(NamedTuple):
    images: Tensor  # (B, 3, 32, 32) float32, channels_last
    labels: Tensor  # (B,) int64


class EpochPlan(NamedTuple):
    """One epoch: the image at each position, and its crop and flip."""

    order: Tensor  # (N,) int64, index of the image
    corners: Tensor  # (N, 2) int64, top and left of the crop in the padded image, 0 to 8
    flips: Tensor  # (N,) bool


def epoch_plan(seed: int, epoch: int, images: int, augmentation: str) -> EpochPlan:
    """Order, crops and flips of one epoch, on the CPU. The augmentation "none" gives centre crops without flips."""
    order = torch.randperm(images, generator=generator(seed, Stream.ORDER, epoch))
    if augmentation == "none":
        return EpochPlan(order, torch.full((images, 2), PADDING), torch.zeros(images, dtype=torch.bool))
    random = generator(seed, Stream.AUGMENTATION, epoch)
    corners = torch.randint(0, CORNERS, (images, 2), generator=random)
    flips = torch.randint(0, 2, (images,), generator=random).bool()
    return EpochPlan(order, corners, flips)


def view_numbers(corners: Tensor, flips: Tensor) -> Tensor:
    """The number of each view, a crop and flip, 0 to 161: corners (N, 2), flips (N,) -> (N,) int64."""
    return 2 * (CORNERS * corners[:, 0] + corners[:, 1]) + flips


def view_pixels() -> Tensor:
    """The indices of each view's pixels in the padded image: (162, 1024) int64, 0 to 1599."""
    side = SIZE + 2 * PADDING
    steps = torch.arange(SIZE)
    starts = torch.arange(CORNERS)[:, None]
    rows = starts + steps  # (9, 32)
    columns = torch.stack([starts + steps, starts + steps.flip(0)], dim=1)  # (9, 2, 32), unflipped and flipped
    return (side * rows[:, None, None, :, None] + columns[None, :, :, None, :]).flatten(3).flatten(0, 2)


class Normalization:
    """Subtracts the training set's mean at each pixel, and divides by one number, the standard deviation.

    The paper does not divide. BN cancels the division; nets without BN get the unit variance that their initialisation
    assumes.
    """

    def __init__(self, train: Split, device: torch.device) -> None:
        pixels = train.images.astype(np.float32)
        mean = pixels.mean(axis=0, dtype=np.float64)
        variance = np.square(pixels, out=pixels).mean(axis=0, dtype=np.float64) - np.square(mean)
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device)  # (32, 32, 3)
        self.scale = 1 / (float(np.sqrt(variance.mean())) or 1.0)  # 1 if all images are equal

    def __call__(self, images: Tensor, out: Tensor | None = None) -> Tensor:
        """(B, 32, 32, 3) uint8 -> (B, 32, 32, 3) float32, written to `out` if given."""
        return torch.mul(images - self.mean, self.scale, out=out)


def _once(make: Callable[[Split, torch.device], T]) -> Callable[[Split, torch.device], T]:
    """Cache the results for the last four splits, so that runs in threads of one process share them."""
    making, kept = threading.Lock(), lru_cache(maxsize=4)(make)

    @wraps(make)
    def shared(split: Split, device: torch.device) -> T:
        with making:
            return kept(split, device)

    return shared


@_once
def normalization_of(train: Split, device: torch.device) -> Normalization:
    return Normalization(train, device)


@_once
def _on_device(split: Split, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) int64; on the CPU they share the split's memory."""
    return torch.from_numpy(split.images).to(device), torch.from_numpy(split.labels).to(device)


def _as_input(images: Tensor) -> Tensor:
    """(B, 32, 32, 3) -> (B, 3, 32, 32), channels_last in memory without a copy."""
    return images.permute(0, 3, 1, 2)


class TrainingBatches:
    """An endless sequence of mini-batches, each of exactly `batch_size` images.

    The epochs' orders are joined, so a mini-batch may contain the end of one epoch and the start of the next. Every
    image is seen equally often, and 64,000 steps of 128 images are 163.84 epochs of 50,000. `batches[step]` depends
    only on the seed and the step. `draws` chooses images and views on the CPU. `load` makes the mini-batch by
    operations on the device alone, so that a CUDA graph can hold it.
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
        self.images, self.labels = _on_device(split, device)
        self.normalization = normalization
        self.batch_size = batch_size
        side = SIZE + 2 * PADDING
        self._padded = torch.zeros(batch_size, side, side, 3, device=device)  # only the inside of the border is written
        # (B, 1024), not expanded: CUDA copies index tensors of different strides.
        self._places = torch.arange(batch_size, device=device)[:, None].repeat(1, SIZE * SIZE)
        self._pixels = view_pixels().to(device)

        @lru_cache(maxsize=2)  # a mini-batch may span two epochs
        def plan(epoch: int) -> Tensor:
            order, corners, flips = epoch_plan(seed, epoch, len(split.labels), augmentation)
            return torch.stack([order, view_numbers(corners, flips)], dim=1)

        self._plan = plan

    def draws(self, first: int, count: int) -> Tensor:
        """Image and view of each place in the mini-batches from iteration `first`: (count, B, 2) int64 on the CPU."""
        size, places = len(self.labels), count * self.batch_size
        epoch, start = divmod(first * self.batch_size, size)
        plans = [self._plan(each) for each in range(epoch, epoch + -(-(start + places) // size))]
        return torch.cat(plans)[start : start + places].view(count, self.batch_size, 2)

    def load(self, draw: Tensor) -> Batch:
        """The mini-batch, or a rank's share of it, for a draw (B, 2) on the device."""
        count, (order, views) = len(draw), draw.unbind(1)
        padded = self._padded[:count]
        self.normalization(self.images[order], out=padded[:, PADDING:-PADDING, PADDING:-PADDING])
        pixels = padded.flatten(1, 2)[self._places[:count], self._pixels[views]]  # (B, 1024, 3)
        return Batch(_as_input(pixels.view(count, SIZE, SIZE, 3)), self.labels[order])

    def __getitem__(self, step: int) -> Batch:
        return self.load(self.draws(step, 1)[0].to(self.labels.device))


class EvaluationBatches:
    """The first `limit` images of a split, each once, in order and without augmentation ([R]'s single view).

    With `start` and `every`, every `every`-th image from `start` (possibly none).
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
        self.images, self.labels = (whole[start:limit:every] for whole in _on_device(split, device))
        self.normalization = normalization

    def __iter__(self) -> Iterator[Batch]:
        size = EVALUATION_BATCH[self.images.device.type]
        for first in range(0, len(self.labels), size):
            batch = slice(first, first + size)
            yield Batch(_as_input(self.normalization(self.images[batch])), self.labels[batch])
