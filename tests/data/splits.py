"""Random splits, and one crop and flip written out."""

import numpy as np
import numpy.typing as npt
import torch

from resnet_repro.data.dataset import Split

CPU = torch.device("cpu")


def split_of(images: int, seed: int = 0) -> Split:
    """Random pixels; the labels are the images' indices, so that a batch shows which images it has."""
    pixels = np.random.default_rng(seed).integers(0, 256, (images, 32, 32, 3), np.uint8)
    return Split(pixels, np.arange(images))


def slow_crop_and_flip(image: npt.NDArray[np.float32], top: int, left: int, flip: bool) -> npt.NDArray[np.float32]:
    padded = np.zeros((40, 40, 3), np.float32)
    padded[4:36, 4:36] = image
    cropped = padded[top : top + 32, left : left + 32]
    return cropped[:, ::-1] if flip else cropped
