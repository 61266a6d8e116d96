"""Pictures with 256 colours look like the whole ones, and lines keep their colours exactly."""

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from resnet_repro.figures.colours import LINE_COLOURS
from resnet_repro.figures.few_colours import few_colours


def test_frequent_colours_are_exact_and_the_others_near() -> None:
    lines = np.array([to_rgb(colour) for colour in LINE_COLOURS])
    share = np.linspace(0, 1, 300)[:, None, None]
    edges = (lines * share + (1 - share)).repeat(4, axis=1)  # from white to each colour, as text has them
    whole = np.concatenate([edges, np.broadcast_to(lines, (300, *lines.shape))], axis=1)
    pixels = (255 * whole).round().astype(np.uint8)
    few = few_colours(Image.fromarray(pixels))
    reduced = np.asarray(few.convert("RGB"))
    assert few.mode == "P"
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 2000
    assert len(np.unique(reduced.reshape(-1, 3), axis=0)) <= 256
    assert np.array_equal(reduced[:, -len(lines) :], pixels[:, -len(lines) :])
    assert np.abs(reduced.astype(int) - pixels).max() <= 20


def test_a_picture_with_few_colours_stays_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 4, (50, 40, 3), np.uint8) * 80
    assert np.array_equal(np.asarray(few_colours(Image.fromarray(pixels)).convert("RGB")), pixels)
