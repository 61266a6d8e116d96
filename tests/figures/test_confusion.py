"""The confusion matrix: shares of each true class, a grey diagonal, and colours only for confusions."""

import numpy as np
import pytest

from resnet_repro.figures.confusion import LEAST_SCALE_PCT, draw_confusion

CLASSES = ("cat", "dog", "frog")


def drawn(*rows: tuple[int, int, int]) -> tuple[list[str], float]:
    """The texts in the figure, and where its colour scale ends, in %."""
    figure = draw_confusion(rows, CLASSES, "a net")
    axes = figure.axes[0]
    (image,) = axes.images
    values = image.get_array()
    assert values is not None
    assert [bool(np.ma.getmaskarray(values)[k, k]) for k in range(3)] == [True] * 3
    return [text.get_text() for text in axes.texts], float(image.get_clim()[1] or 0)


def test_cells_are_shares_of_the_true_class_and_rows_end_in_their_error() -> None:
    texts, top = drawn((6, 3, 1), (0, 100, 0), (3, 9, 988))
    assert texts == ["60", "30", "10", "100", "0.3", "0.9", "99", "error %", "40.0", "0.0", "1.2"]
    assert top == 30.0


def test_a_class_without_images_has_no_error_and_a_good_net_stays_pale() -> None:
    texts, top = drawn((99, 1, 0), (0, 0, 0), (0, 0, 5))
    assert texts[-3:] == ["1.0", "–", "0.0"]
    assert top == LEAST_SCALE_PCT


@pytest.mark.parametrize(("row", "column"), [(0, 1), (1, 0)])
def test_rows_are_true_classes_and_columns_predicted_ones(row: int, column: int) -> None:
    counts = [[0, 0, 0] for _ in CLASSES]
    counts[row][column] = 7
    (axes, _bar) = draw_confusion(counts, CLASSES, "a net").axes
    (cell,) = [text for text in axes.texts if text.get_text() == "100"]
    assert cell.get_position() == (column, row)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
