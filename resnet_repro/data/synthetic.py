"""A synthetic data set for machines without a network: ten classes of shapes, drawn from a seed.

Each image shows one shape of its class over a cloudy background, with small clutter and noise. Position, angle,
stretch, size and colour of the shape are random, and it is lighter than the background as often as darker. So a single
pixel says little about the class, and a linear model learns almost nothing. Every result on it is labelled synthetic.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resnet_repro.data.dataset import Dataset, Split, content_digest

Array = npt.NDArray[np.floating[Any]]

SIZE = 32
CHUNK = 1000  # images that share a random stream; changing it changes the images
TRAIN_SEED, TEST_SEED = 20151210, 20160316  # the days on which [R] and [I] appeared
NOISE = 0.04  # standard deviation; every brightness here is a share of white
CONTRAST = (0.3, 0.6)  # how much lighter or darker than its background a shape is
CLUTTER = 2  # small shapes of random kinds


def _disk(u: Array, v: Array) -> Array:
    return np.hypot(u, v) - 0.9


def _ring(u: Array, v: Array) -> Array:
    return np.abs(np.hypot(u, v) - 0.75) - 0.22


def _square(u: Array, v: Array) -> Array:
    return np.maximum(np.abs(u), np.abs(v)) - 0.8


def _triangle(u: Array, v: Array) -> Array:
    return np.maximum(np.maximum(v, -v / 2 + u * 0.866), -v / 2 - u * 0.866) - 0.5


def _star(u: Array, v: Array) -> Array:
    return np.hypot(u, v) - (0.68 + 0.32 * np.cos(5 * np.arctan2(v, u)))


def _cross(u: Array, v: Array) -> Array:
    u, v = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(u - 1, v - 0.33), np.maximum(u - 0.33, v - 1))


def _crescent(u: Array, v: Array) -> Array:
    return np.maximum(np.hypot(u, v) - 1, 0.8 - np.hypot(u - 0.5, v))


def _bar(u: Array, v: Array) -> Array:
    return np.maximum(np.abs(u) - 1.1, np.abs(v) - 0.35)


def _pair(u: Array, v: Array) -> Array:
    return np.hypot(np.abs(u) - 0.6, v) - 0.45


def _trefoil(u: Array, v: Array) -> Array:
    return np.hypot(u, v) - (0.68 + 0.32 * np.cos(3 * np.arctan2(v, u)))


# Each function is about the signed distance to the outline, negative inside, for coordinates (u, v) in the shape's own
# frame, whose half-width is about 1.
SHAPES: tuple[Callable[[Array, Array], Array], ...] = (
    _disk, _ring, _square, _triangle, _star, _cross, _crescent, _bar, _pair, _trefoil,
)  # fmt: skip
CLASSES = tuple(shape.__name__.removeprefix("_") for shape in SHAPES)


def load_synthetic(data_dir: Path, train_images: int, test_images: int) -> Dataset:
    """The synthetic data set with so many images; it reads no files. The first images are the same at every size."""
    train, test = draw(train_images, TRAIN_SEED), draw(test_images, TEST_SEED)
    digest = f"{content_digest(train)} {content_digest(test)}"
    return Dataset("synthetic shapes", False, digest, train, test)


def draw(images: int, seed: int) -> Split:
    """`images` images of random classes."""
    chunks = [
        _draw_chunk(np.random.default_rng((seed, chunk)), min(CHUNK, images - first))
        for chunk, first in enumerate(range(0, images, CHUNK))
    ]
    return Split(np.concatenate([pixels for pixels, _ in chunks]), np.concatenate([labels for _, labels in chunks]))


def _draw_chunk(random: np.random.Generator, images: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The first images of a chunk. What is random is drawn for all of them, but for the noise, which comes last."""
    labels = random.permutation(np.arange(CHUNK) % len(SHAPES))[:images]
    canvas = _clouds(random, images)
    for _ in range(CLUTTER):
        kinds = random.integers(0, len(SHAPES), CHUNK)[:images]
        inside = _masks(random, kinds, radius=(1, 2), reach=14, turn=np.pi)
        canvas += inside * (_uniform(random, images, 0, 1, 1, 1, 3) - canvas)
    background = canvas.mean(axis=(1, 2, 3), keepdims=True)
    contrast = np.where(background < 0.5, 1, -1) * _uniform(random, images, *CONTRAST, 1, 1, 1)
    surface = _clouds(random, images)
    surface += background + contrast - surface.mean(axis=(1, 2, 3), keepdims=True)
    inside = _masks(random, labels, radius=(6, 10), reach=5, turn=0.6)
    canvas += inside * (surface - canvas)
    canvas += random.normal(0, NOISE, canvas.shape)
    return (canvas.clip(0, 1) * 255).round().astype(np.uint8), labels.astype(np.int64)


def _uniform(random: np.random.Generator, images: int, low: float, high: float, *shape: int) -> Array:
    """(images, *shape), drawn for the whole chunk."""
    return random.uniform(low, high, (CHUNK, *shape))[:images].astype(np.float32)


def _clouds(random: np.random.Generator, images: int) -> Array:
    """Smooth random colour fields (images, 32, 32, 3): a colour, and two octaves of noise around it."""
    field = np.broadcast_to(_uniform(random, images, 0.15, 0.85, 1, 1, 3), (images, SIZE, SIZE, 3)).copy()
    for cells, strength in ((3, 0.25), (8, 0.15)):
        grid = _uniform(random, CHUNK, -strength, strength, cells, cells, 3)
        position = np.linspace(0, cells - 1, SIZE)
        spread = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells))).astype(np.float32)  # (32, cells)
        # Of the whole chunk, as the last bits of a product of matrices may depend on their sizes.
        field += np.einsum("ya,xb,nabc->nyxc", spread, spread, grid, optimize=True)[:images]
    return field


def _masks(
    random: np.random.Generator,
    kinds: npt.NDArray[np.int64],
    radius: tuple[float, float],
    reach: float,
    turn: float,
) -> Array:
    """How much of each pixel each shape covers, (images, 32, 32, 1).

    Shapes of the given kinds have a half-width within `radius`, lie up to `reach` off the centre, both in pixels, and
    are turned by up to `turn` radians either way.
    """
    centre = (SIZE - 1) / 2
    pixel = np.arange(SIZE, dtype=np.float32)
    images = len(kinds)
    x = pixel[None, None, :] - (centre + _uniform(random, images, -reach, reach, 1, 1))
    y = pixel[None, :, None] - (centre + _uniform(random, images, -reach, reach, 1, 1))
    angle = _uniform(random, images, -turn, turn, 1, 1)
    size = _uniform(random, images, *radius, 1, 1)
    stretch = np.exp(_uniform(random, images, -0.2, 0.2, 1, 1))
    u = (x * np.cos(angle) + y * np.sin(angle)) / (size * stretch)
    v = (y * np.cos(angle) - x * np.sin(angle)) / (size / stretch)
    outline = np.empty((images, SIZE, SIZE), np.float32)
    for kind, shape in enumerate(SHAPES):
        chosen = kinds == kind
        outline[chosen] = shape(u[chosen], v[chosen])
    return (0.5 - outline * size).clip(0, 1)[..., None]
